// Where libstek.so.0 lies, when it is not installed: STEK_LIBRARY names the folder.
fn main() {
    println!("cargo:rerun-if-env-changed=STEK_LIBRARY");
    if let Ok(folder) = std::env::var("STEK_LIBRARY") {
        println!("cargo:rustc-link-search=native={folder}");
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
