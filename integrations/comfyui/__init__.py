"""A node for ComfyUI: dark, noisy and shaken pictures in, better ones out. On the CPU, without PyTorch's help."""

import numpy
import relume
import torch
from comfy_api.latest import ComfyExtension, io

# Networks that make a picture and whose weights are inside.
RESTORERS = ("lantern-s", "sem", "alen-small")
READY = [card["name"] for card in relume.models() if card["inside"] and card["name"] in RESTORERS]


class RelumeRestore(io.ComfyNode):
    """Restores a batch of pictures, where a mask says so or everywhere."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RelumeRestore",
            display_name="Restore dark photo (relume)",
            category="image/restoration",
            description="Light, noise and shake of photos taken in low light. Runs on the CPU.",
            inputs=[
                io.Image.Input("image"),
                io.Combo.Input("model", options=READY, default="lantern-s"),
                io.Float.Input("strength", default=1.0, min=0.0, max=1.0, step=0.05),
                io.Boolean.Input("always", default=True, tooltip="Also pictures that are fine already"),
                io.Mask.Input("mask", optional=True, tooltip="Where to restore; everywhere without it"),
            ],
            outputs=[io.Image.Output("image")],
        )

    @classmethod
    def execute(cls, image, model, strength, always, mask=None) -> io.NodeOutput:
        pictures = image.detach().cpu().numpy().astype(numpy.float32).clip(0, 1)
        better = relume.restore(pictures, model=model, strength=strength, always=always)
        if mask is not None:
            share = mask.detach().cpu().numpy().reshape(-1, *mask.shape[-2:], 1)
            better[..., :3] = share * better[..., :3] + (1 - share) * pictures[..., :3]
        return io.NodeOutput(torch.from_numpy(better).to(image.device))


class RelumeExtension(ComfyExtension):
    """What ComfyUI asks for its nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [RelumeRestore]


async def comfy_entrypoint() -> RelumeExtension:
    return RelumeExtension()
