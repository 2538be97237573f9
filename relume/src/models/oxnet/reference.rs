//! What OX-Net does with a reference: find it, refine the motion, fuse, and say what can be copied.

use relume_nn::{Conv, Initial, Layer, NodeId, Pointwise};

use super::net::{Copied, Motion, Net, Other, Seen, View};

impl Net<'_> {
    /// Motion and confidence at 1/16; clipped tokens borrow from others.
    pub(super) fn find(&mut self, frame: NodeId, reference: NodeId, burnt: NodeId) -> NodeId {
        let here = self.norm("match.norm", frame);
        let there = self.norm("match.norm", reference);
        let queries = self.conv("match.queries", here, 64, 1);
        let keys = self.conv("match.keys", there, 64, 1);
        self.g.output("queries", queries);
        self.g.output("keys", keys);
        let found = self.plain("match.best", Layer::Match { radius: 2 }, &[queries, keys, burnt]);
        let queries = self.conv("propagate.queries", here, 32, 1);
        let keys = self.conv("propagate.keys", here, 32, 1);
        self.plain("propagate.mean", Layer::Propagate, &[queries, keys, found])
    }

    /// Motion at twice the resolution.
    pub(super) fn enlarged(&mut self, Motion { motion, sure }: Motion, by: usize) -> Motion {
        let motion = self.enlarge(motion, by);
        let motion = self.curve("motion", Pointwise::Scale(by as f32), motion);
        Motion { motion, sure: self.enlarge(sure, by) }
    }

    /// Motion refined by local correlation.
    pub(super) fn refine(
        &mut self,
        key: &str,
        (radius, width): (usize, usize),
        [frame, reference, mask]: [NodeId; 3],
        Motion { motion, sure }: Motion,
    ) -> Motion {
        let project = |net: &mut Self, x| {
            let x = net.norm(&format!("{key}.norm"), x);
            net.conv(&format!("{key}.project"), x, 32, 1)
        };
        let (here, there) = (project(self, frame), project(self, reference));
        let there = self.plain(&format!("{key}.warp"), Layer::Warp, &[there, motion]);
        let correlate = Layer::Correlate(radius);
        let alike = self.plain(&format!("{key}.alike"), correlate, &[here, there]);
        let all = [alike, here, motion, sure, mask];
        let mut x = self.plain(&format!("{key}.all"), Layer::Concat, &all);
        for i in 0..2 {
            x = self.conv(&format!("{key}.{i}"), x, width, 3);
            x = self.curve(&format!("{key}.{i}.act"), Pointwise::Gelu, x);
        }
        let quiet = Conv::new(width, 3, 3).initial(Initial::Normal { gain: 0.1 });
        let update = self.plain(&format!("{key}.2"), Layer::Conv(quiet), &[x]);
        let step = self.part(&format!("{key}.step"), update, 0..2);
        let motion = self.plain(&format!("{key}.motion"), Layer::Add, &[motion, step]);
        let logit = self.curve(&format!("{key}.logit"), Pointwise::Logit, sure);
        let step = self.part(&format!("{key}.doubt"), update, 2..3);
        let logit = self.plain(&format!("{key}.surer"), Layer::Add, &[logit, step]);
        Motion { motion, sure: self.curve(&format!("{key}.sure"), Pointwise::Sigmoid, logit) }
    }

    /// Motion that follows a guide as far as that is trusted; the guide is `by` times as large.
    fn guided(&mut self, guide: NodeId, by: usize, Motion { motion, sure }: Motion) -> Motion {
        let guide = self.pool(guide, by);
        let told = self.part("guide.motion", guide, 0..2);
        let told = self.curve("guide.scaled", Pointwise::Scale(1.0 / by as f32), told);
        let trust = self.part("guide.trust", guide, 2..3);
        let toward = |net: &mut Self, from: NodeId, to: NodeId, share: NodeId| {
            let less = net.curve("guide.less", Pointwise::Scale(-1.0), from);
            let step = net.plain("guide.step", Layer::Add, &[to, less]);
            let step = net.product(step, share);
            net.plain("guide.sum", Layer::Add, &[from, step])
        };
        let motion = toward(self, motion, told, trust);
        // What is trusted is sure: sure + trust (1 − sure).
        let both = self.product(trust, sure);
        let less = self.curve("guide.less", Pointwise::Scale(-1.0), both);
        let more = self.plain("guide.more", Layer::Add, &[trust, less]);
        Motion { motion, sure: self.plain("guide.sure", Layer::Add, &[sure, more]) }
    }

    /// What the reference shows of the frame, at 1 / `down` of the resolution.
    pub(super) fn copied(
        &mut self,
        other: &Other,
        down: usize,
        Motion { motion, sure }: Motion,
    ) -> Copied {
        let (light, open) = (self.pool(other.light, down), self.pool(other.open, down));
        let light = self.plain("copied.light", Layer::Warp, &[light, motion]);
        let open = self.plain("copied.open", Layer::Warp, &[open, motion]);
        Copied { light, valid: self.product(sure, open) }
    }

    /// Features of the frame with what valid features of the reference add.
    pub(super) fn fuse(
        &mut self,
        key: &str,
        down: usize,
        [frame, reference, mask]: [NodeId; 3],
        (other, motion, valid): (&Other, NodeId, NodeId),
    ) -> NodeId {
        let seen = self.plain(&format!("{key}.warp"), Layer::Warp, &[reference, motion]);
        let inside = self.pool(other.inside, down);
        let exposure = self.product(inside, other.exposure);
        let all = [frame, seen, valid, mask, exposure];
        let all = self.plain(&format!("{key}.all"), Layer::Concat, &all);
        let more = self.gate(key, all, self.g.channels(frame), Some(Pointwise::Sigmoid));
        let more = self.product(more, valid);
        self.plain(&format!("{key}.sum"), Layer::Add, &[frame, more])
    }

    /// Refines the motion, fuses the features, and says what can be copied at every scale.
    pub(super) fn look(
        &mut self,
        view: &View,
        features: &mut [NodeId; 4],
        (other, seen, found): (&Other, [NodeId; 3], NodeId),
    ) -> Seen {
        let masks = [4, 8, 16].map(|down| self.pool(view.mask, down));
        let motion = self.part("found.motion", found, 0..2);
        let sure = self.part("found.sure", found, 2..3);
        let m16 = self.guided(other.guide, 4, Motion { motion, sure });
        let up = self.enlarged(m16, 2);
        let m8 = self.refine("refine.8", (4, 64), [features[2], seen[1], masks[1]], up);
        let m8 = self.guided(other.guide, 2, m8);
        let up = self.enlarged(m8, 2);
        let m4 = self.refine("refine.4", (3, 48), [features[1], seen[0], masks[0]], up);
        let m4 = self.guided(other.guide, 1, m4);
        let mut copied = |net: &mut Self, i: usize, down, motion: Motion| {
            let copied = net.copied(other, down, motion);
            let triple = [features[i], seen[i - 1], masks[i - 1]];
            let from = (other, motion.motion, copied.valid);
            features[i] = net.fuse(&format!("fuse.{down}"), down, triple, from);
            net.g.output(&format!("motion_{down}"), motion.motion);
            net.g.output(&format!("confidence_{down}"), motion.sure);
            copied
        };
        copied(self, 3, 16, m16);
        let coarse = copied(self, 2, 8, m8);
        let quarter = copied(self, 1, 4, m4);
        let (up2, up4) = (self.enlarged(m4, 2), self.enlarged(m4, 4));
        let half = self.copied(other, 2, up2);
        let full = self.copied(other, 1, up4);
        Seen { coarse, fine: [quarter, half, full] }
    }

    /// As [`look`](Self::look) where there is no reference: nothing to copy anywhere.
    pub(super) fn nothing(&mut self, view: &View) -> Seen {
        let mut at = |down| {
            let light = self.pool(view.light, down);
            let mask = self.pool(view.mask, down);
            let none = Pointwise::Scale(0.0);
            Copied { light: self.curve("none", none, light), valid: self.curve("none", none, mask) }
        };
        Seen { coarse: at(8), fine: [at(4), at(2), at(1)] }
    }
}
