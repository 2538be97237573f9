"""What may go wrong. Every message names the cause and the remedy; `code` is the program's exit code."""


class Error(Exception):
    """Anything that relume could not do."""

    code = 6


class UsageError(Error, ValueError):
    """A setting is wrong, or does not go with the others."""

    code = 2


class InputError(Error, ValueError):
    """A picture cannot be read, is damaged, or is not supported."""

    code = 3


class OutputError(Error, OSError):
    """A result cannot be written, or is there already."""

    code = 4


class ModelError(Error, LookupError):
    """A model is unknown, its weights are missing, or they do not fit."""

    code = 5


class MachineError(Error, RuntimeError):
    """Memory, the device, or a fault of relume itself."""

    code = 6


class ToolError(Error, RuntimeError):
    """Another program that is needed is missing; for videos, FFmpeg."""

    code = 7
