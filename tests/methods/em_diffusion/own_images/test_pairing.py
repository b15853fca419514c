"""What belongs together is told by names, or refused."""

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.em_diffusion.own_images.pairing import partners

ROWS = [f"x.npy[{row}]" for row in range(12)]


@pytest.mark.parametrize(
    "pairs",
    [
        {"img1.png": "img1_mask.png", "img2.png": "img2_mask.png", "img10.png": "img10_mask.png"},
        {"noisy_1.png": "mask-1.tif", "noisy_2.png": "mask-2.tif", "noisy_12.png": "mask-12.tif"},
        {"1.png": "a1.png", "11.png": "a11.png", "111.png": "a111.png"},
        {"cat.x.png": "cat.png", "car.x.png": "car.png"},
        {"eye.jpg": "eye.jpg", "eye.png": "eye.png"},
        {"eye.png": "eye.tif", "ear.png": "ear.tif"},
    ],
)
def test_folders_are_paired_by_names_whatever_the_alphabet_says(pairs: dict[str, str]) -> None:
    images, others = sorted(pairs), sorted(pairs.values())
    assert [others[place] for place in partners(images, others, "--mask")] == [pairs[image] for image in images]
    back = {other: image for image, other in pairs.items()}
    assert [images[place] for place in partners(others, images, "--mask")] == [back[other] for other in others]


def test_files_count_by_number_against_rows() -> None:
    masks = sorted(f"{number}.png" for number in range(12))
    assert [masks[place] for place in partners(ROWS, masks, "--mask")] == [f"{number}.png" for number in range(12)]
    padded = [f"{number:02d}.png" for number in range(12)]
    assert partners(padded, ROWS, "--mask") == partners(ROWS, padded, "--mask") == list(range(12))
    assert partners(ROWS, [f"m.npy[{row}]" for row in range(12)], "--mask") == list(range(12))
    assert partners(["eye.png", "eye1.png"], ["m.npy[0]", "m.npy[1]"], "--mask") == [0, 1]


def test_one_of_each_needs_no_names() -> None:
    assert partners(["eye.png"], ["mask7.png"], "--mask") == [0]


@pytest.mark.parametrize(
    ("images", "others", "message"),
    [
        (
            ["img1.png", "img2.png"],
            ["img1_m.png", "img3_m.png"],
            "the files of --mask .* is img1_m.png and nothing for img2",
        ),
        (["0.png", "1.png"], ["1.png", "2.png"], r"nothing for 0\.png"),
        (["11.png", "21.png"], ["11.png", "12.png"], r"nothing for 21\.png"),
        (["eye.jpg", "eye.png"], ["eye_m.png", "ear_m.png"], "nothing for eye"),
        (sorted(f"{row}.png" for row in range(12)), ROWS, r"image x\.npy\[2\] belongs to: 10\.png by the .* 2\.png by"),
    ],
)
def test_what_names_do_not_tell_is_refused_by_an_example(images: list[str], others: list[str], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        partners(images, others, "--mask")
