// The ring's public fields, described once: for the ring document, `stek keys list --json` and
// FORMAT.md.
#pragma once

#include <stek/ring.hpp>

#include "wire/record.hpp"

namespace stek::keys {

inline constexpr auto must = wire::Presence::required;

inline constexpr wire::Header schedule_record{
    "Schedule",
    wire::Field<&Schedule::profile>{"profile", "aes256gcm, xchacha20poly1305 or rfc5077", must},
    wire::Field<&Schedule::lead>{"lead", "announced this long before sealing", must},
    wire::Field<&Schedule::sealing>{"sealing", "rotation period", must},
    wire::Field<&Schedule::accepting>{"accepting", "opens this long after sealing", must},
    wire::Field<&Schedule::lifetime>{"lifetime", "of a ticket", must},
    wire::Field<&Schedule::skew>{"skew", "between any two clocks", must},
    wire::Field<&Schedule::ahead>{"ahead", "keys announced early", must},
};

/// Without the secret, which no text carries.
inline constexpr wire::Header key_record{
    "Key",
    wire::Field<&Key::name>{"name", "32 hex digits", must},
    wire::Field<&Key::profile>{"profile", "that of the schedule", must},
    wire::Field<&Key::announced_at>{"announced_at", "opens from here", must},
    wire::Field<&Key::activates_at>{"activates_at", "seals from here", must},
    wire::Field<&Key::retires_at>{"retires_at", "only opens from here", must},
    wire::Field<&Key::expires_at>{"expires_at", "opens nothing from here", must},
};

/// Without the secret, too.
inline constexpr wire::Header foreign_record{
    "ForeignKey",
    wire::Field<&ForeignKey::name>{"name", "32 hex digits", must},
    wire::Field<&ForeignKey::file_size>{"file_size", "48 or 80: name, then 32 or 64 secret bytes",
                                        must},
    wire::Field<&ForeignKey::imported_at>{"imported_at", "", must},
    wire::Field<&ForeignKey::expires_at>{"expires_at", "erased from here", must},
};

inline constexpr wire::Header tombstone_record{
    "Tombstone",
    wire::Field<&Tombstone::name>{"name", "32 hex digits", must},
    wire::Field<&Tombstone::revoked_at>{"revoked_at", "erased here", must},
    wire::Field<&Tombstone::until>{"until", "the end it was to have", must},
};

inline constexpr wire::Header ring_record{
    "Ring",
    wire::Field<&KeyRing::id>{"id", "32 hex digits", must},
    wire::Field<&KeyRing::generation>{"generation", "goes up by one with each change", must},
    wire::Field<&KeyRing::created_at>{"created_at", "0 where it is not known"},
    wire::Field<&KeyRing::written_at>{"written_at", "", must},
};

}  // namespace stek::keys
