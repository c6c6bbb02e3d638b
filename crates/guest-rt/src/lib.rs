//! What a `no_std` component needs in place of the standard library: an allocator, a panic handler,
//! and the canonical ABI's `cabi_realloc`.
//!
//! The standard library would bring WASI imports that no component here uses (exit, stdin, stdout,
//! terminals) and many more bytes; ARCHITECTURE.md has the figures. Link it once in each component:
//! `use oge_guest_rt as _;`. Natively it is empty.

#![no_std]
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "the canonical ABI hands out memory by raw pointers")]

extern crate alloc;

mod heap;

use alloc::alloc::{Layout, alloc, realloc};

// Where `memcpy` and its like come from on this target.
#[link(name = "c")]
unsafe extern "C" {}

/// Nothing here panics by design; where a library does, the host sees a trap.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// Memory for what the host lowers into the component.
///
/// # Safety
/// Called by the canonical ABI alone: `pointer` is null with `old_size` 0, or came from here with
/// that size and `align`; `align` is a power of two.
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
    // SAFETY: the caller's contract; a size of zero was answered above.
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
