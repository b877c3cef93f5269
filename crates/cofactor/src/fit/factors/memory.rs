//! Where a matrix lies: on cache lines, and when it is large on large pages.

use std::fmt::{self, Debug, Formatter};

use memmap2::MmapMut;

/// Entries on a cache line.
pub(super) const LINE: usize = 16;

/// Rows that are visited in random order miss the processor's table of pages once the matrix has thousands of them. From this size on
/// the system is asked for pages of 2 MB instead of 4 kB.
const LARGE_BYTES: usize = 4 << 20;

/// Whole cache lines of f32.
pub(super) enum Memory {
    /// A small matrix.
    Lines(Vec<Line>),
    /// A large one: pages of its own.
    Pages(MmapMut),
}

/// One cache line.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub(super) struct Line([f32; LINE]);

impl Memory {
    /// All zeros.
    pub(super) fn zeros(lines: usize) -> Self {
        let bytes = lines * size_of::<Line>();
        if bytes >= LARGE_BYTES
            && let Ok(pages) = MmapMut::map_anon(bytes)
        {
            // Without large pages it works too, only slower.
            #[cfg(target_os = "linux")]
            let _ = pages.advise(memmap2::Advice::HugePage);
            return Self::Pages(pages);
        }
        Self::Lines(vec![Line([0.0; LINE]); lines])
    }

    /// All entries.
    pub(super) fn entries(&self) -> &[f32] {
        match self {
            Self::Lines(lines) => bytemuck::cast_slice(lines),
            Self::Pages(pages) => bytemuck::cast_slice(pages),
        }
    }

    /// All entries.
    pub(super) fn entries_mut(&mut self) -> &mut [f32] {
        match self {
            Self::Lines(lines) => bytemuck::cast_slice_mut(lines),
            Self::Pages(pages) => bytemuck::cast_slice_mut(pages),
        }
    }
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.entries().len() / LINE);
        copy.entries_mut().copy_from_slice(self.entries());
        copy
    }
}

impl PartialEq for Memory {
    fn eq(&self, other: &Self) -> bool {
        self.entries() == other.entries()
    }
}

impl Debug for Memory {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_memory_behave_alike() {
        for lines in [0, 3, LARGE_BYTES / size_of::<Line>()] {
            let mut memory = Memory::zeros(lines);
            assert_eq!(memory.entries().len(), lines * LINE);
            assert!(memory.entries().iter().all(|&entry| entry == 0.0));
            assert_eq!(memory.entries().as_ptr() as usize % 64, 0, "cache lines");
            let before = memory.clone();
            if let Some(last) = memory.entries_mut().last_mut() {
                *last = 2.5;
                assert!(memory != before && memory == memory.clone());
            }
        }
        assert!(matches!(Memory::zeros(LARGE_BYTES / size_of::<Line>()), Memory::Pages(_)));
    }
}
