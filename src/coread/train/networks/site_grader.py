"""Grades every site of a patient's hands at once: one encoder for all sites, then the sites look at each other.

After the many-in many-out network of Miyama (2022), which grades a joint with the others as its context. Each site's patch goes
through the same convolutions, told which site it is; a map of suspected erosion comes out of the same pass and steers where the
features are taken from; then two layers of self-attention let all sites of both hands correct each other. Thresholds are graded
cumulatively (P(grade >= k), k = 1 ...; Frank & Hall, ECML 2001), so that the output is ordinal.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

EROSION, NARROWING, BONY = 5, 4, 2
"""Thresholds of erosion (0-5) and narrowing (0-4), and the two yes/no questions: subluxation, ankylosis."""
OUTPUTS = EROSION + NARROWING + BONY


@dataclass(frozen=True, slots=True)
class SiteGraderConfig:
    """Size of the network.

    Attributes:
        sites: number of sites, which the network is told as one of so many.
        widths: channels at 1/2, 1/4 and 1/8 of the patch.
        token: numbers that stand for a site.
        facts: further numbers given for each site beside its patch (the measured joint space).
        layers: layers of self-attention over the sites.
    """

    sites: int
    widths: tuple[int, int, int]
    token: int
    facts: int
    layers: int


class _Block(nn.Module):
    """Two 3x3 convolutions with group norm about a shortcut; the second half is scaled and shifted by what site it is."""

    def __init__(self, before: int, after: int, stride: int, sites: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.norm1 = nn.GroupNorm(8, after)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norm2 = nn.GroupNorm(8, after)
        self.site = nn.Linear(sites, 2 * after, bias=False)
        nn.init.zeros_(self.site.weight)
        self.short = nn.Conv2d(before, after, 1, bias=False)
        self.stride = stride

    def forward(self, plane: Tensor, site: Tensor) -> Tensor:
        """(n, before, y, x) to (n, after, y / stride, x / stride)."""
        scale, shift = self.site(site)[:, :, None, None].chunk(2, dim=1)
        out = functional.relu(self.norm1(self.first(plane)))
        out = self.norm2(self.second(out)) * (1 + scale) + shift
        short = functional.avg_pool2d(plane, 2) if self.stride == 2 else plane
        summed: Tensor = functional.relu(out + self.short(short))
        return summed


class SiteEncoder(nn.Module):
    """Patches (n, 1, 64, 64) and sites (n, sites) to tokens (n, token), local logits (n, 11) and evidence logits (n, 32, 32)."""

    def __init__(self, config: SiteGraderConfig) -> None:
        super().__init__()
        one, two, three = config.widths
        self.stem = nn.Sequential(nn.Conv2d(1, one, 5, 2, 2, bias=False), nn.GroupNorm(8, one), nn.ReLU())
        self.fine = _Block(one, one, 1, config.sites)
        self.middle = _Block(one, two, 2, config.sites)
        self.coarse = _Block(two, three, 2, config.sites)
        self.side = nn.ModuleList([nn.Conv2d(width, one, 1) for width in config.widths])
        self.evidence = nn.Sequential(nn.Conv2d(one, one, 3, 1, 1, bias=False), nn.GroupNorm(8, one), nn.ReLU(), nn.Conv2d(one, 1, 1))
        self.token = nn.Sequential(nn.Linear(3 * three + 64 + 2 + config.sites, config.token), nn.ReLU(), nn.Dropout(0.1))
        self.local = nn.Linear(config.token, OUTPUTS)

    def forward(self, patch: Tensor, site: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        fine = self.fine(self.stem(patch), site)
        middle = self.middle(fine, site)
        coarse = self.coarse(middle, site)
        down = functional.interpolate(self.side[2](coarse), scale_factor=2.0, mode="nearest") + self.side[1](middle)
        down = functional.interpolate(functional.relu(down), scale_factor=2.0, mode="nearest") + self.side[0](fine)
        evidence = self.evidence(functional.relu(down))
        chance = torch.sigmoid(evidence)
        small = functional.avg_pool2d(chance, 4)
        weight = small / (small.sum(dim=(2, 3), keepdim=True) + 0.5)
        pooled = [coarse.mean(dim=(2, 3)), coarse.amax(dim=(2, 3)), (coarse * weight).sum(dim=(2, 3))]
        sizes = [functional.max_pool2d(chance, 32).flatten(1), chance.mean(dim=(2, 3)) * 10, small.flatten(1)]
        token = self.token(torch.cat([*pooled, *sizes, site], dim=1))
        return token, self.local(token), evidence[:, 0]


class _Attention(nn.Module):
    """One layer of self-attention over all sites of a patient, (n, d) to (n, d)."""

    def __init__(self, size: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.into = nn.Linear(size, 3 * size)
        self.out = nn.Linear(size, size)
        self.step = nn.Sequential(nn.Linear(size, 2 * size), nn.GELU(), nn.Linear(2 * size, size))

    def forward(self, tokens: Tensor, absent: Tensor) -> Tensor:
        """Tokens (patients, n, d); ``absent`` (patients, n) is large where there is no site."""
        b, n, d = tokens.shape
        q, k, v = self.into(self.norm1(tokens)).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        weight = torch.softmax(q @ k.transpose(-1, -2) / (d // self.heads) ** 0.5 - absent[:, None, None, :], dim=-1)
        tokens = tokens + self.out((weight @ v).permute(0, 2, 1, 3).reshape(b, n, d))
        grown: Tensor = tokens + self.step(self.norm2(tokens))
        return grown


class SiteContext(nn.Module):
    """Tokens, facts, sites and sides of a patient to corrections of the local logits; begins as no correction at all."""

    def __init__(self, config: SiteGraderConfig) -> None:
        super().__init__()
        self.into = nn.Linear(config.token + OUTPUTS + config.facts + config.sites + 1, config.token)
        self.layers = nn.ModuleList([_Attention(config.token) for _ in range(config.layers)])
        self.out = nn.Linear(config.token, OUTPUTS)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, token: Tensor, local: Tensor, told: Tensor, absent: Tensor) -> Tensor:
        """All (patients, n, ...); ``told`` holds facts, site and side."""
        state = self.into(torch.cat([token, local, told], dim=-1))
        for layer in self.layers:
            state = layer(state, absent)
        out: Tensor = local + self.out(state)
        return out


class SiteGrader(nn.Module):
    """The whole network as it is shipped: the sites of one patient in, logits and evidence out.

    One input plane a site, (n, 2, 64, 64): channel one the patch, channel two the numbers told of it, the first of its values being
    one-of-``sites``, then the side (0 left, 1 right), then the facts.
    """

    def __init__(self, config: SiteGraderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = SiteEncoder(config)
        self.context = SiteContext(config)

    def told(self, plane: Tensor) -> Tensor:
        """The numbers told of each site, (n, sites + 1 + facts)."""
        return plane[:, 1].flatten(1)[:, : self.config.sites + 1 + self.config.facts]

    def forward(self, plane: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 2, 64, 64) to logits (n, 11) and evidence logits (n, 32, 32)."""
        told = self.told(plane)
        token, local, evidence = self.encoder(plane[:, :1], told[:, : self.config.sites])
        absent = torch.zeros_like(local[None, :, 0])
        return self.context(token[None], local[None], told[None], absent)[0], evidence


def build(sites: int, widths: list[int], token: int, facts: int, layers: int) -> nn.Module:
    """The network of a recipe's options."""
    one, two, three = widths
    return SiteGrader(SiteGraderConfig(sites, (one, two, three), token, facts, layers))
