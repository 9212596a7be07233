"""Why a reader of whole images graded as it did: class activation, integrated gradients and occlusion, each beside its own sanity check.

A map that hardly changes when the network's weights are replaced by random ones shows the image, not what was learned (Adebayo et al.,
NeurIPS 2018): every map is therefore told with its correlation to that of a random network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from coread.errors import DefinitionError, OutOfScopeError
from coread.readers.card import card
from coread.readers.image_doubt import doubt_of_card, grades_said
from coread.readers.image_input import ImageInput
from coread.readers.image_places import FINDERS
from coread.scoring import system
from coread.study import Study
from coread.train.fingerprint import flat_images
from coread.train.grade_losses import evidence_direction, probabilities_of
from coread.train.grader import Grader
from coread.train.pictures import picture_uri
from coread.train.recipe import build_network
from coread.vision.evidence_map import map_uri, relief
from coread.vision.prepare import prepare

Floats = npt.NDArray[np.float64]
Method = Callable[[Grader, Tensor], Floats]
STEPS = 32
PATCH, STRIDE = 6, 12
"""An occluded patch is a ``PATCH``-th of the shorter side, moved over ``STRIDE`` places down and across."""
COARSE = 24
ROLE = "gradients"


def load_grader(path: Path) -> Grader:
    """The network in a file of weights that `coread train` wrote.

    Raises:
        DefinitionError: it is no such file.
    """
    try:
        with safe_open(path, framework="pt") as opened:
            told = json.loads((opened.metadata() or {})["coread"])
        grader = Grader(build_network(told["network"], told["options"]), told["loss"], told["grades"])
        grader.load_state_dict(load_file(path))
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
        raise DefinitionError(f"{path}: holds no network that `coread train` wrote ({error})") from error
    grader.eval()
    return grader


def explain(model: Path | str, study: Study) -> dict[str, Any]:
    """Every image of a study with its maps, as plain values.

    Raises:
        InputError: an image cannot be read.
        OutOfScopeError: nothing was found in it to grade.
        DefinitionError: the card is no image reader's, or names no weights for gradients.
    """
    chosen = card(model)
    if chosen.input is None or ROLE not in chosen.weights:
        raise DefinitionError(f"{chosen.path}: names no [weights.{ROLE}], so it cannot be explained; `coread train` writes such cards")
    grader = load_grader(chosen.checked(ROLE))
    torch.manual_seed(0)
    random = Grader(build_network(*_network(chosen.checked(ROLE))), grader.loss, grader.grades).eval()
    grades = next(i.grades for i in system(chosen.system).items if (i.feature, i.site) == (chosen.input.feature, chosen.input.site))
    doubt = doubt_of_card(chosen.parameters, chosen.input.grades)
    told = []
    for index, (image, plane) in enumerate(zip(study.images, flat_images(study), strict=True)):
        places, why = FINDERS[chosen.input.locate](plane, image.facts)
        if not places:
            raise OutOfScopeError(f"{study.source}: {why}")
        for place in places:
            made = _explained(grader, random, chosen.input, place.pixels)
            shares = doubt.apply(made.pop("said"))[0]
            grade = grades[int(grades_said(shares, chosen.input.grades)[0])]
            told.append({"image": index, "side": place.side, "grade": grade, "left": place.left, "top": place.top, **made})
    return {"schema": "coread.explanation/1", "exam": study.source, "model": chosen.id, "card_sha256": chosen.sha256, "places": told}


def _network(path: Path) -> tuple[str, Mapping[str, Any]]:
    with safe_open(path, framework="pt") as opened:
        told = json.loads(opened.metadata()["coread"])
    return told["network"], told["options"]


def _explained(grader: Grader, random: Grader, given: ImageInput, pixels: npt.NDArray[np.float32]) -> dict[str, Any]:
    ready = prepare(pixels, given.preparation)
    image = torch.from_numpy(ready.plane)[None, None]
    with torch.no_grad():
        said = probabilities_of(grader.loss, grader(image)).double().numpy()
    maps = {}
    for name, method in METHODS.items():
        found, chance = method(grader, image), method(random, image)
        alike = _correlation(found, chance)
        shown = np.maximum(found, 0)
        maps[name] = {"map": map_uri(shown / max(float(shown.max()), 1e-9)), "like_random_weights": round(alike, 3)}
    return {"said": said, "picture": picture_uri(ready.plane), "box_px": [round(float(edge), 2) for edge in ready.box_px], "maps": maps}


def _correlation(one: Floats, other: Floats) -> float:
    """Of the ranks of two maps (rows, columns); 0 where one of them is flat."""
    first, second = (np.argsort(np.argsort(values.ravel())) for values in (one, other))
    if min(float(np.ptp(values)) for values in (one, other)) < 1e-12:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _score(grader: Grader, image: Tensor, along: Tensor) -> Tensor:
    """What the map explains, (n,): the logits along a higher grade, or along the most likely one."""
    return (grader(image) * along).sum(dim=1)


def _direction(grader: Grader, image: Tensor) -> Tensor:
    with torch.no_grad():
        return evidence_direction(grader.loss, grader(image))


def activation(grader: Grader, image: Tensor) -> Floats:
    """Class activation (rows, columns), as the reader itself gives it."""
    with torch.no_grad():
        features = grader.features(image)
        return relief(grader.evidence(features, grader.judged(features))[0].double().numpy())


def integrated_gradients(grader: Grader, image: Tensor) -> Floats:
    """Gradients summed on the way from the blurred image to the image (Sundararajan, ICML 2017), in cells of ``COARSE`` a side.

    Their sum over all places is what the score gains on that way, but for the steps.
    """
    along = _direction(grader, image)
    start = blurred(image)
    total = torch.zeros_like(image)
    for step in range(STEPS):
        at = (start + (image - start) * (step + 0.5) / STEPS).requires_grad_(True)
        (gradient,) = torch.autograd.grad(_score(grader, at, along).sum(), at)
        total += gradient / STEPS
    each = (total * (image - start))[0, 0].double().numpy()
    rows, columns = (np.arange(size) * min(COARSE, size) // size for size in each.shape)
    cells: Floats = np.zeros((int(rows[-1]) + 1, int(columns[-1]) + 1))
    np.add.at(cells, (rows[:, None], columns[None]), each)
    return cells


def occlusion(grader: Grader, image: Tensor) -> Floats:
    """What the score loses when a patch is blurred (``STRIDE``, ``STRIDE``) (Zeiler & Fergus, ECCV 2014)."""
    along, soft = _direction(grader, image), blurred(image)
    rows, columns = image.shape[2:]
    half = max(2, min(rows, columns) // PATCH // 2)
    planes = []
    for k in range(STRIDE * STRIDE):
        row, column = (int((at + 0.5) * size / STRIDE) for at, size in zip(divmod(k, STRIDE), (rows, columns), strict=True))
        hidden = image.clone()
        part = (slice(None), slice(None), slice(max(0, row - half), row + half), slice(max(0, column - half), column + half))
        hidden[part] = soft[part]
        planes.append(hidden)
    with torch.no_grad():
        lost = _score(grader, image, along) - _score(grader, torch.cat(planes), along)
    return np.asarray(lost.double().numpy().reshape(STRIDE, STRIDE))


def blurred(image: Tensor) -> Tensor:
    """The image without its detail: the mean over a third of it."""
    side = min(image.shape[2:]) // 3 // 2 * 2 + 1
    return functional.avg_pool2d(image, side, 1, side // 2, count_include_pad=False)


METHODS: Mapping[str, Method] = {"class activation": activation, "integrated gradients": integrated_gradients, "occlusion": occlusion}
