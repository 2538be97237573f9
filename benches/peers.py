"""Times relume beside other runtimes on the same network, all in one interleaved run.

    cargo build --release && python benches/peers.py lantern-s 4000x3000 --rounds 9

Every runtime has a process of its own that waits for its turn, so that only one computes at a time;
in each round each takes one turn, in an order that changes. A pause after each turn lets idle threads
of pools that spin go to sleep. Runtimes that are not installed are
left out with a word. Wanted: numpy and any of onnxruntime, openvino, torch with onnx, ncnn.
Weights are random where relume ships none: they take as long. Memory is the peak of each process
beyond the picture and the result.
"""

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time

PEERS = [
    "onnxruntime",
    "openvino",
    "openvino-bf16",
    "torch",
    "torch-channels-last",
    "torch-channels-last-avx2",
    "torch-bf16-channels-last",
    "ncnn",
]


def feeds_of(inputs, width, height):
    """Arrays for the inputs `[(name, shape)]`, whose free sides are those of the picture."""
    import numpy as np

    rng = np.random.default_rng(1)
    feeds = {}
    for name, shape in inputs:
        sides = list(shape[2:]) if all(isinstance(s, int) and s > 0 for s in shape[2:]) else [height, width]
        feeds[name] = rng.random([1, shape[1], *sides], dtype=np.float32) * 0.5 + 0.25
    if "exposure" in feeds:
        feeds["exposure"][:] = np.array([2.0, 1.0], np.float32).reshape(1, 2, 1, 1)
    return feeds


def onnx_inputs(path):
    import onnx

    sides = lambda value: [d.dim_value or None for d in value.type.tensor_type.shape.dim]
    return [(value.name, sides(value)) for value in onnx.load(path).graph.input]


def onnxruntime(path, width, height, threads, output):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feeds = feeds_of([(i.name, i.shape) for i in session.get_inputs()], width, height)
    return lambda: session.run([output], feeds)[0], ort.__version__


def openvino(path, width, height, threads, output, precision="f32"):
    import openvino as ov

    feeds = feeds_of(onnx_inputs(path), width, height)
    core = ov.Core()
    hints = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads}
    model = core.read_model(path)
    model.reshape({name: list(array.shape) for name, array in feeds.items()})
    request = core.compile_model(model, "CPU", hints).create_infer_request()

    def run():
        request.infer(feeds)
        return request.get_tensor(output).data

    return run, ov.__version__.split("-")[0]


class OnnxInTorch:
    """The few operators that relume's exports use, on torch tensors."""

    def __init__(self, path, channels_last):
        import onnx
        import torch
        from onnx import numpy_helper

        self.torch = torch
        model = onnx.load(path)
        self.nodes = list(model.graph.node)
        self.values = {}
        for tensor in model.graph.initializer:
            value = torch.from_numpy(numpy_helper.to_array(tensor).copy())
            if channels_last and value.dim() == 4:
                value = value.contiguous(memory_format=torch.channels_last)
            self.values[tensor.name] = value
        self.attributes = [
            {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute} for node in self.nodes
        ]
        self.last_use = {}
        for index, node in enumerate(self.nodes):
            for name in node.input:
                self.last_use[name] = index

    def run(self, feeds, wanted):
        values = dict(feeds)
        for index, (node, attributes) in enumerate(zip(self.nodes, self.attributes)):
            get = lambda name: values[name] if name in values else self.values[name]
            inputs = [get(name) if name else None for name in node.input]
            values[node.output[0]] = self.apply(node.op_type, inputs, attributes)
            for name in node.input:
                if self.last_use[name] == index and name != wanted:
                    values.pop(name, None)
            if wanted in values:
                return values[wanted]
        raise KeyError(wanted)

    def apply(self, op, x, a):
        torch, f = self.torch, self.torch.nn.functional
        if op == "Conv":
            pads = a.get("pads", [0, 0, 0, 0])
            assert pads[:2] == pads[2:], "even padding only"
            bias = x[2] if len(x) > 2 else None
            return f.conv2d(x[0], x[1].to(x[0].dtype), None if bias is None else bias.to(x[0].dtype),
                            a.get("strides", [1, 1]), pads[:2], a.get("dilations", [1, 1]),
                            a.get("group", 1))
        two = {"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div,
               "Pow": torch.pow, "Max": torch.maximum, "Min": torch.minimum,
               "LessOrEqual": torch.le}
        one = {"Relu": torch.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "Log": torch.log,
               "Sqrt": torch.sqrt, "Exp": torch.exp, "Identity": lambda v: v}
        if op in two:
            return two[op](x[0], x[1])
        if op in one:
            return one[op](x[0])
        if op == "LeakyRelu":
            return f.leaky_relu(x[0], a.get("alpha", 0.01))
        if op == "PRelu":
            return torch.where(x[0] > 0, x[0], x[0] * x[1])
        if op == "Clip":
            return torch.clamp(x[0], *[None if v is None else v.item() for v in x[1:]])
        if op == "Where":
            return torch.where(x[0], x[1], x[2])
        if op == "Concat":
            return torch.cat(x, a["axis"])
        if op == "Slice":
            starts, ends, axes = (v.tolist() for v in x[1:4])
            steps = x[4].tolist() if len(x) > 4 else [1] * len(axes)
            place = [slice(None)] * x[0].dim()
            for start, end, axis, step in zip(starts, ends, axes, steps):
                place[axis] = slice(start, min(end, x[0].shape[axis]), step)
            return x[0][tuple(place)]
        if op == "Gather":
            return torch.index_select(x[0], a.get("axis", 0), x[1].reshape(-1))
        if op == "DepthToSpace":
            return f.pixel_shuffle(x[0], a["blocksize"])
        if op == "SpaceToDepth":
            r, (n, c, h, w) = a["blocksize"], x[0].shape
            v = x[0].reshape(n, c, h // r, r, w // r, r).permute(0, 3, 5, 1, 2, 4)
            return v.reshape(n, c * r * r, h // r, w // r)
        if op == "GlobalAveragePool":
            return x[0].mean((2, 3), keepdim=True)
        if op in ("ReduceMean", "ReduceMax"):
            axes = a.get("axes") or x[1].tolist()
            keep = bool(a.get("keepdims", 1))
            return x[0].mean(axes, keep) if op == "ReduceMean" else x[0].amax(axes, keep)
        if op == "LayerNormalization":
            return f.layer_norm(x[0], x[0].shape[a.get("axis", -1):], x[1], x[2], a.get("epsilon", 1e-5))
        if op == "Softmax":
            return torch.softmax(x[0], a.get("axis", -1))
        if op == "Reshape":
            shape = [x[0].shape[i] if s == 0 else s for i, s in enumerate(x[1].tolist())]
            return x[0].reshape(shape)
        if op == "Transpose":
            return x[0].permute(a["perm"])
        if op == "Shape":
            return torch.tensor(x[0].shape)
        if op == "Pad":
            pads = x[1].tolist()
            assert not any(pads[:2]) and not any(pads[4:6]), "rows and columns only"
            sides = [pads[3], pads[7], pads[2], pads[6]]
            return f.pad(x[0], sides, mode=a.get("mode", b"constant").decode())
        if op == "Resize":
            scales = x[2].tolist() if len(x) > 2 and x[2] is not None else None
            return f.interpolate(x[0], scale_factor=scales[2:], mode="bilinear", align_corners=False)
        raise NotImplementedError(op)


def torch(path, width, height, threads, output, channels_last=False, bf16=False):
    import torch as pt

    pt.set_num_threads(threads)
    network = OnnxInTorch(path, channels_last)
    feeds = {name: pt.from_numpy(v) for name, v in feeds_of(onnx_inputs(path), width, height).items()}
    if channels_last:
        feeds = {name: v.contiguous(memory_format=pt.channels_last) for name, v in feeds.items()}

    def run():
        with pt.inference_mode(), pt.autocast("cpu", dtype=pt.bfloat16, enabled=bf16):
            return network.run(feeds, output).float().numpy()

    return run, pt.__version__


def ncnn(path, width, height, threads, output):
    raise ImportError("ncnn needs pnnx to convert the network")


def load(peer, path, width, height, threads, output):
    """A function that runs the network once, and the runtime's version."""
    family, *options = peer.split("-", 1)
    options = options[0] if options else ""
    if family == "onnxruntime":
        return onnxruntime(path, width, height, threads, output)
    if family == "openvino":
        return openvino(path, width, height, threads, output, "bf16" if "bf16" in options else "f32")
    if family == "torch":
        return torch(path, width, height, threads, output, "channels-last" in options, "bf16" in options)
    return ncnn(path, width, height, threads, output)


def peak_memory():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def worker(peer, path, width, height, threads, output):
    """Answers every line on stdin with the seconds of one run."""
    run, version = load(peer, path, width, height, threads, output)
    result = run()
    say = lambda **record: print(json.dumps(record), flush=True)
    say(version=version, values=[float(v) for v in result.reshape(-1)[:: max(1, result.size // 4096)]])
    for _ in sys.stdin:
        clock = time.perf_counter()
        run()
        say(seconds=time.perf_counter() - clock, peak=peak_memory())


class Peer:
    def __init__(self, name, command, environment=None):
        self.name, self.seconds, self.peak = name, [], 0
        env = dict(os.environ, **(environment or {}))
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env=env)
        self.hello = self.hear()
        self.version = self.hello["version"]

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            error = self.process.stderr.read().strip().splitlines()
            raise RuntimeError(error[-1] if error else "no answer")
        return json.loads(line)

    def turn(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        answer = self.hear()
        self.seconds.append(answer["seconds"])
        self.peak = max(self.peak, answer["peak"])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


# Holds PyTorch's own kernels and oneDNN's to what a laptop's processor has.
TORCH_AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}


def peers(args, path, width, height, output):
    ours = [args.relume, "bench", args.model, "--size", args.size, "--turns"]
    sets = [("relume", {})] + [(f"relume {s}", {"RELUME_CPU": s}) for s in args.isa]
    found = []
    for name, environment in sets:
        environment = dict(environment, RAYON_NUM_THREADS=str(args.threads))
        found.append(Peer(name, ours, environment))
    for name in args.peers:
        command = [sys.executable, __file__, "--worker", name, path, str(width), str(height),
                   str(args.threads), output]
        try:
            found.append(Peer(name, command, TORCH_AVX2 if name.endswith("avx2") else None))
        except RuntimeError as error:
            print(f"left out: {name}: {error}", file=sys.stderr)
    return found


def machine():
    model = platform.processor() or platform.machine()
    flags = set()
    try:
        with open("/proc/cpuinfo") as info:
            for line in info:
                key, _, value = line.partition(":")
                if key.strip() == "model name":
                    model = value.strip()
                if key.strip() == "flags":
                    flags = set(value.split())
    except OSError:
        pass
    wanted = ["avx2", "avx512f", "avx512_bf16", "amx_bf16"]
    return f"{model}: {' '.join(f for f in wanted if f in flags)}"


PAUSE = 0.3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("size", help="such as 1200x800")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--relume", default="target/release/relume")
    parser.add_argument("--isa", nargs="*", default=["avx2"], help="further runs of relume, held to these")
    parser.add_argument("--peers", nargs="*", default=PEERS)
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "network.onnx")
        export = [args.relume, "models", "export", args.model, "-o", path, "--quiet"]
        if subprocess.run(export, capture_output=True).returncode:
            subprocess.run(export + ["--untrained"], check=True)
        import onnx

        names = [value.name for value in onnx.load(path).graph.output]
        output = next(n for n in ("restored", "enhanced", names[-1]) if n in names)
        found = peers(args, path, width, height, output)
        for _ in range(args.rounds):
            for peer in random.sample(found, len(found)):
                peer.turn()
                time.sleep(PAUSE)
        for peer in found:
            peer.close()
    report(args, found, width, height)


def report(args, found, width, height):
    picture = 2 * 12 * width * height
    best = statistics.median(found[0].seconds)
    print(f"{args.model} at {args.size}, {args.threads} threads, {args.rounds} rounds, {machine()}\n")
    print("| runtime | median s | from | to | against relume | MB beyond the picture |")
    print("| --- | --- | --- | --- | --- | --- |")
    for peer in found:
        median = statistics.median(peer.seconds)
        ratios = sorted(p / o for p, o in zip(peer.seconds, found[0].seconds))
        print(f"| {peer.name} {peer.version} | {median:.3f} | {min(peer.seconds):.3f} | "
              f"{max(peer.seconds):.3f} | {median / best:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) | "
              f"{max(0, peer.peak - picture) / 1e6:.0f} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        peer, path, width, height, threads, output = sys.argv[2:]
        worker(peer, path, int(width), int(height), int(threads), output)
    else:
        main()
