//! The heap: dlmalloc first uses the unused part of the component's initial memory, then grows it.
//!
//! A call that fits into the initial memory never grows it. Growing is expensive for hosts: they change
//! the memory's protection for the call and again after it, and each change interrupts all their threads.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::{memory_grow, memory_size};
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use dlmalloc::{Allocator, Dlmalloc};

const PAGE_BYTES: usize = 64 * 1024;

// Set by the linker to the bounds of the unused part of the initial memory.
unsafe extern "C" {
    static __heap_base: u8;
    static __heap_end: u8;
}

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(Dlmalloc::new_with_allocator(Linear)));

struct Heap(UnsafeCell<Dlmalloc<Linear>>);

// SAFETY: a component has one thread.
unsafe impl Sync for Heap {}

// SAFETY: dlmalloc fulfils the trait's contract. Its methods call no code outside it, so the one thread
// never enters it twice.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { (*self.0.get()).free(pointer, layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        unsafe { (*self.0.get()).realloc(pointer, layout.size(), layout.align(), new_size) }
    }
}

/// Provides dlmalloc with memory.
struct Linear;

impl Linear {
    /// Returns the unused part of the initial memory. `None` after the first call, or if it is too small.
    fn left(bytes: usize) -> Option<(*mut u8, usize)> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        if TAKEN.swap(true, Ordering::Relaxed) {
            return None;
        }
        let start = &raw const __heap_base;
        let left = (&raw const __heap_end).addr().saturating_sub(start.addr());
        (left >= bytes).then_some((start.cast_mut(), left))
    }
}

// SAFETY: every range is returned once and never freed.
unsafe impl Allocator for Linear {
    fn alloc(&self, bytes: usize) -> (*mut u8, usize, u32) {
        if let Some((start, left)) = Self::left(bytes) {
            return (start, left, 0);
        }
        let pages = bytes.div_ceil(PAGE_BYTES);
        let first = memory_grow(0, pages);
        if first == usize::MAX {
            return (ptr::null_mut(), 0, 0);
        }
        // The last bytes of the address space are not used, because the address after them would be null.
        let is_last = memory_size(0) == usize::MAX / PAGE_BYTES + 1;
        let granted = pages * PAGE_BYTES - if is_last { 16 } else { 0 };
        (ptr::with_exposed_provenance_mut(first * PAGE_BYTES), granted, 0)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE_BYTES
    }
}
