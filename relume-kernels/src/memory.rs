//! How the process keeps memory that it will want again.

/// Lets the allocator keep freed memory instead of giving it back to the system, for the whole
/// process: a training step frees and wants the same large buffers every time, and fresh ones cost a
/// page fault for every 4 KiB. Does nothing where the C library is not glibc.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn mallopt(parameter: i32, value: i32) -> i32;
        }
        const TRIM_THRESHOLD: i32 = -1;
        const TOP_PAD: i32 = -2;
        const MMAP_THRESHOLD: i32 = -3;
        // The most that glibc takes: half of what a thread's own heap holds.
        const LARGEST: i32 = 32 << 20;
        // SAFETY: glibc's `mallopt` takes two numbers and may be called at any time; what it does not
        // know it refuses.
        unsafe {
            mallopt(MMAP_THRESHOLD, LARGEST);
            mallopt(TRIM_THRESHOLD, i32::MAX);
            mallopt(TOP_PAD, 2 * LARGEST);
        }
    }
}
