//! Enumerates every combination of choices.

use std::cell::{Cell, RefCell};

/// The choices made in one call: the index chosen and the number of options of each.
#[derive(Default)]
pub(super) struct Choices {
    made: RefCell<Vec<(usize, usize)>>,
    asked: Cell<usize>,
}

impl Choices {
    pub(super) fn choose<T: Copy>(&self, from: &[T]) -> T {
        let mut made = self.made.borrow_mut();
        let at = self.asked.replace(self.asked.get() + 1);
        if at == made.len() {
            made.push((0, from.len()));
        }
        from[made[at].0]
    }

    pub(super) fn next(&self) -> bool {
        let mut made = self.made.borrow_mut();
        self.asked.set(0);
        while let Some((chosen, of)) = made.pop() {
            if chosen + 1 < of {
                made.push((chosen + 1, of));
                return true;
            }
        }
        false
    }
}
