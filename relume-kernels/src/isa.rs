//! Which instruction set the kernels use.

use std::sync::atomic::{AtomicU8, Ordering};

/// An instruction set the kernels are written for, slowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// The target's base line: NEON on AArch64, else plain Rust that the compiler vectorises.
    Portable,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512F.
    Avx512,
}

/// 0 is "not forced", otherwise the set's number plus one.
static FORCED: AtomicU8 = AtomicU8::new(0);

/// The fastest instruction set this processor has.
#[must_use]
pub fn best_isa() -> Isa {
    #[cfg(target_arch = "x86_64")]
    {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        if avx2 && is_x86_feature_detected!("avx512f") {
            return Isa::Avx512;
        }
        if avx2 {
            return Isa::Avx2;
        }
    }
    Isa::Portable
}

/// The instruction sets this processor has, slowest first.
pub fn available() -> impl Iterator<Item = Isa> {
    let best = best_isa();
    [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(move |isa| *isa <= best)
}

/// Makes every later call use `isa`; `None` goes back to the fastest. A set the processor lacks
/// is not used: the fastest one below it is. Holds for the whole process.
pub fn force_isa(isa: Option<Isa>) {
    FORCED.store(isa.map_or(0, |isa| isa as u8 + 1), Ordering::Relaxed);
}

/// Environment variable that names the instruction set to use.
const VARIABLE: &str = "RELUME_CPU";

/// What `RELUME_CPU` asks for: `portable`, `avx2` or `avx512`; `None` when it is not set.
///
/// # Errors
/// A sentence for people when it names no set, or one that this processor lacks.
pub fn isa_from_environment() -> Result<Option<Isa>, String> {
    let Ok(name) = std::env::var(VARIABLE) else { return Ok(None) };
    let isa = match name.to_ascii_lowercase().as_str() {
        "" => return Ok(None),
        "portable" => Isa::Portable,
        "avx2" => Isa::Avx2,
        "avx512" => Isa::Avx512,
        _ => return Err(format!("{VARIABLE}={name}: give portable, avx2 or avx512")),
    };
    if isa > best_isa() {
        return Err(format!("{VARIABLE}={name}: this processor has {} at most", best_isa().name()));
    }
    Ok(Some(isa))
}

impl Isa {
    /// Its name, as `RELUME_CPU` takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

/// The instruction set that calls use now.
#[must_use]
pub fn current_isa() -> Isa {
    let best = best_isa();
    match FORCED.load(Ordering::Relaxed) {
        1 => Isa::Portable,
        2 => Isa::Avx2.min(best),
        _ => best,
    }
}

/// Runs `work` compiled for the instruction set in force, if the compiler takes it in: loops over
/// slices become code for wider vectors. Their results are the same on every set.
pub fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx2,fma")]
        unsafe fn avx512<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        match current_isa() {
            // SAFETY: `current_isa` only names sets that the processor has.
            Isa::Avx512 => return unsafe { avx512(work) },
            // SAFETY: as above.
            Isa::Avx2 => return unsafe { avx2(work) },
            Isa::Portable => {}
        }
    }
    work()
}
