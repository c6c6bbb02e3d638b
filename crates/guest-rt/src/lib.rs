//! The runtime of `no_std` components: an allocator, a panic handler, and the canonical ABI's
//! `cabi_realloc`.
//!
//! The standard library would add WASI imports that these components do not use (exit, stdin, stdout,
//! terminals). Link this crate once in each component: `use oge_guest_rt as _;`. Natively it is empty.

#![no_std]
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "the canonical ABI uses raw pointers")]

extern crate alloc;

mod heap;

use alloc::alloc::{Layout, alloc, realloc};

// On this target `memcpy` and similar functions are in libc.
#[link(name = "c")]
unsafe extern "C" {}

/// Traps. Our own code never panics by design, but a library may.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// Allocates memory for values that the host lowers into the component.
///
/// # Safety
/// Only the canonical ABI calls it. `pointer` is null with `old_size` 0, or this function returned it for
/// that size and `align`. `align` is a power of two.
#[unsafe(export_name = "cabi_realloc")]
unsafe extern "C" fn cabi_realloc(
    pointer: *mut u8,
    old_size: usize,
    align: usize,
    new_size: usize,
) -> *mut u8 {
    if new_size == 0 {
        return core::ptr::without_provenance_mut(align);
    }
    // SAFETY: the caller's contract, and `new_size` is not zero.
    let pointer = unsafe {
        if old_size == 0 {
            alloc(Layout::from_size_align_unchecked(new_size, align))
        } else {
            realloc(pointer, Layout::from_size_align_unchecked(old_size, align), new_size)
        }
    };
    if pointer.is_null() {
        core::arch::wasm32::unreachable()
    }
    pointer
}
