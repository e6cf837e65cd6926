// Lets a std::unique_ptr free what a C library made.
#pragma once

namespace demo {

template <auto F>
struct Deleter {
  template <class T>
  void operator()(T* thing) const {
    F(thing);
  }
};

}  // namespace demo
