"""Arrays of every kind come back as they came, or with a clear exception."""

import numpy
import pytest
import relume
from PIL import Image

from conftest import night

RGB = night()


def in_layout(dtype: str, channels: int) -> numpy.ndarray:
    opacity = numpy.linspace(0, 255, RGB.shape[0] * RGB.shape[1]).reshape(*RGB.shape[:2], 1).astype(numpy.uint8)
    parts = [RGB[:, :, :1] if channels < 3 else RGB] + [opacity] * (channels in (2, 4))
    picture = numpy.concatenate(parts, 2)
    if dtype == "uint16":
        return picture.astype(numpy.uint16) * 257
    return picture if dtype == "uint8" else (picture / 255).astype(numpy.float32)


def eight_bit(picture: numpy.ndarray) -> numpy.ndarray:
    scale = {"uint8": 1, "uint16": 1 / 257, "float32": 255}[picture.dtype.name]
    return numpy.rint(picture * scale).astype(int)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_every_type_and_layout(dtype: str, channels: int) -> None:
    picture = in_layout(dtype, channels)
    before = picture.copy()
    better = relume.restore(picture, always=True)
    assert (better.dtype, better.shape) == (picture.dtype, picture.shape)
    assert (picture == before).all(), "the input is left alone"
    expected = relume.restore(in_layout("uint8", channels), always=True)
    assert numpy.abs(eight_bit(better) - expected).max() <= 1, "all types say the same"
    assert better.mean() > 1.5 * picture.mean()
    if channels in (2, 4):
        assert (better[:, :, -1] == picture[:, :, -1]).all(), "opacity stays"


def test_two_dimensions_and_batches() -> None:
    grey = RGB[:, :, 1]
    assert relume.restore(grey).shape == grey.shape
    assert (relume.restore(grey) == relume.restore(grey[:, :, None])[:, :, 0]).all()
    other = night(seed=1)
    batch = relume.restore(numpy.stack([RGB, other]))
    assert (batch == numpy.stack([relume.restore(RGB), relume.restore(other)])).all()


def test_what_is_not_contiguous_or_in_another_byte_order_is_read_right() -> None:
    expected = relume.restore(RGB)
    wide = numpy.zeros((RGB.shape[0], 2 * RGB.shape[1], 3), numpy.uint8)
    wide[:, ::2] = RGB
    views = [wide[:, ::2], numpy.asfortranarray(RGB), RGB[:, :, ::-1].copy()[:, :, ::-1], RGB[::-1].copy()[::-1]]
    for view in views:
        assert not view.flags.c_contiguous
        assert (relume.restore(view) == expected).all()
    deep = in_layout("uint16", 3)
    assert (relume.restore(deep.astype(">u2")) == relume.restore(deep)).all()


def test_out_takes_the_result() -> None:
    expected = relume.restore(RGB)
    out = numpy.zeros_like(RGB)
    assert relume.restore(RGB, out=out) is out and (out == expected).all()
    view = numpy.zeros((RGB.shape[0], RGB.shape[1], 6), numpy.uint8)[:, :, ::2]
    assert relume.restore(RGB, out=view) is view and (view == expected).all()
    same = RGB.copy()
    relume.restore(same, out=same)
    assert (same == expected).all()
    with pytest.raises(TypeError, match="uint8"):
        relume.restore(RGB, out=out.astype(numpy.float32))
    for wrong in (out[:-1], out.transpose(1, 0, 2)):
        with pytest.raises(ValueError):
            relume.restore(RGB, out=wrong)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="writable"):
        relume.restore(RGB, out=out)


def test_what_is_no_picture_is_an_exception_that_says_what_to_do() -> None:
    unit = in_layout("float32", 3)
    bad = unit.copy()
    bad[3, 4, 1] = numpy.nan
    cases = [
        (unit * 255, relume.errors.UsageError, "divide"),
        (unit - 0.5, relume.errors.UsageError, "0 to 1"),
        (bad, relume.errors.UsageError, "NaN"),
        (RGB.astype(numpy.float64), TypeError, "astype"),
        (RGB.astype(numpy.int64), TypeError, "astype"),
        (RGB.astype(bool), TypeError, "astype"),
        (numpy.zeros((0, 5, 3), numpy.uint8), ValueError, "at least 1"),
        (numpy.zeros((5, 0), numpy.uint8), ValueError, "at least 1"),
        (RGB.transpose(2, 0, 1), ValueError, "moveaxis"),
        (RGB[:, 0, 0], ValueError, "dimensions"),
        ([[1, 2], [3, 4]], TypeError, "list"),
        (None, TypeError, "NoneType"),
    ]
    for picture, kind, words in cases:
        with pytest.raises(kind, match=words):
            relume.restore(picture)
    with pytest.raises(relume.errors.UsageError, match="0 to 1") as caught:
        relume.restore(RGB, strength=2)
    assert caught.value.code == 2 and isinstance(caught.value, (relume.Error, ValueError))
    with pytest.raises(relume.errors.ModelError, match="lantern-s"):
        relume.restore(RGB, model="lanten")
    with pytest.raises(relume.errors.UsageError, match="sem has"):
        relume.restore(RGB, preview=2)
    with pytest.raises(relume.errors.InputError, match="nowhere.jpg"):
        relume.restore("nowhere.jpg")


def test_one_pixel_and_a_fine_picture() -> None:
    assert relume.restore(RGB[:1, :1]).shape == (1, 1, 3)
    fine = numpy.asarray(Image.effect_noise((96, 96), 0).convert("RGB"))
    restorer = relume.Restorer(strength=0)
    assert (restorer(fine) == fine).all() and restorer.report["left_alone"]


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_images_of_pil_keep_mode_and_info(mode: str) -> None:
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1}[mode]
    picture = in_layout("uint16" if mode == "I;16" else "uint8", channels)
    image = Image.fromarray(picture[:, :, 0] if channels == 1 else picture)
    assert image.mode == mode
    image.info["exif"] = b"Exif\0\0words"
    better = relume.restore(image)
    assert (better.mode, better.size, better.info["exif"]) == (mode, image.size, b"Exif\0\0words")
    assert (numpy.asarray(better) == relume.restore(numpy.asarray(image))).all()


def test_other_modes_of_pil_say_what_to_do() -> None:
    for mode in ("P", "CMYK", "1", "F"):
        with pytest.raises(TypeError, match="convert"):
            relume.restore(Image.new(mode, (8, 8)))


def test_a_color_profile_is_applied() -> None:
    from PIL import ImageCms

    image = Image.fromarray(RGB)
    plain = relume.restore(image)
    image.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tagged = relume.restore(image)
    assert tagged.info["icc_profile"] == image.info["icc_profile"]
    assert numpy.abs(numpy.asarray(tagged).astype(int) - numpy.asarray(plain)).max() <= 1
    image.info["icc_profile"] = b"no profile"
    with pytest.raises(relume.errors.InputError, match="sRGB"):
        relume.restore(image)


def test_dlpack_comes_in() -> None:
    class Tensor:
        """As torch and JAX hand out their memory."""

        def __dlpack__(self, **wishes: object) -> object:
            return RGB.__dlpack__(**wishes)

        def __dlpack_device__(self) -> tuple[int, int]:
            return RGB.__dlpack_device__()

    assert (relume.restore(Tensor()) == relume.restore(RGB)).all()
