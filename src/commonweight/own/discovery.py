"""Sharing is discovered: children that differ in one choice are probed, and what they use tells whose each weight is.

Example: in a base child `conv3/conv3`, `skip/conv3` leaves `edge0.conv3.weight` without a gradient, and every other probed
child without `conv3` at edge0 does so too: the weight belongs to conv3 at edge0.
"""

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from commonweight.errors import UsageError
from commonweight.own.calling import checked_logits, in_mode
from commonweight.own.probing import Probe, answer, probe, same, scratch
from commonweight.own.sharing_found import Holding, SharingFound, Users
from commonweight.seeds import Stream
from commonweight.space import Choices, Chosen, Option

if TYPE_CHECKING:
    from commonweight.own.declared import Supernet

BASES = 4
"""Base children at most. One is enough, unless options cannot be told apart in it: a site behind a `none`, say."""

AT_RANDOM = 8
"""Children probed besides, so that weights of combinations do not pass for those of one choice."""

ASKED_AGAIN = 12
"""Children whose logits are asked for again, in another order."""


def discover(net: "Supernet", images: Tensor, seed: int = 0) -> SharingFound:
    """Who uses which weights, by probes of a module like the net's on these images; the net's own stays as it is.

    Raises `UsageError` when the module fails, answers at random or after its last child, when options of a site cannot be
    told apart by logits and weights, when an option is in no valid child that could be drawn, and when `extract` gives
    other logits.
    """
    module = scratch(net, images.device)
    rng = Stream(seed).fork("discovery").generator()
    bases = _drawn(net.space, BASES, rng)
    probes: dict[Chosen, Probe] = {}

    def look(child: Chosen) -> Probe:
        if child not in probes:
            probes[child] = probe(net, module, images, child)
        return probes[child]

    apart: dict[str, list[tuple[Option, Option]]] = {
        site: list(itertools.combinations(options, 2)) for site, options in net.space.sites.items()
    }
    compared: set[tuple[str, Option, Option]] = set()
    for base in bases:
        for site in [site for site, pairs in apart.items() if pairs]:
            at = {option: look(child) for option, child in _variants(base, site)}
            compared |= {(site, a, b) for a, b in apart[site] if a in at and b in at}
            apart[site] = [(a, b) for a, b in apart[site] if not (a in at and b in at and _differ(at[a], at[b]))]
    for child in (*_with_every_option(net.space, probes, rng), *_drawn(net.space, AT_RANDOM, rng)):
        look(child)
    _require_steady(net, module, images, list(probes.values()))
    for site, pairs in apart.items():
        _require_apart(site, net.space, [pair for pair in pairs if (site, *pair) in compared])
    if net.extract is not None:
        _require_extracts(net, module, images, list(probes.values()))
    batch_norm = any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in module.modules())
    looked = list(probes.values())
    if len({one.logits.shape[1] for one in looked}) > 1:
        raise UsageError(
            f"children have {sorted({one.logits.shape[1] for one in looked})} classes; expected as many in each"
        )
    return SharingFound(net.space, _holdings(module, looked), len(looked), looked[0].logits.shape[1], batch_norm)


def _drawn(space: Choices, count: int, rng: np.random.Generator) -> tuple[Chosen, ...]:
    few = space.valid is None or space.combinations <= 2**20
    return space.sample(min(count, space.size) if few else count, rng)


def _variants(base: Chosen, site: str) -> Iterator[tuple[Option, Chosen]]:
    """The valid children that differ from the base at this site alone, and the base."""
    for option in base.space.sites[site]:
        try:
            yield option, base.with_option(site, option)
        except UsageError:
            continue


def _with_every_option(space: Choices, probes: dict[Chosen, Probe], rng: np.random.Generator) -> Iterator[Chosen]:
    """Valid children with the options that no probed child has; raises `UsageError` for an option of no valid child."""
    missing = {(site, option) for site, options in space.sites.items() for option in options}
    missing -= {choice for child in probes for choice in child.options.items()}
    if not missing:
        return
    looked = space.children() if space.combinations <= 2**20 else iter(_drawn(space, 1000, rng))
    for child in looked:
        if found := missing & set(child.options.items()):
            missing -= found
            yield child
    if missing:
        site, option = min(missing, key=str)
        raise UsageError(f"option {option!r} of site {site!r} is in no valid child; leave it out of the space")


def _differ(a: Probe, b: Probe) -> bool:
    logits = zip((a.logits, *a.others), (b.logits, *b.others), strict=True)
    return a.used != b.used or not all(same(*pair) for pair in logits)


def _require_apart(site: str, space: Choices, alike: Sequence[tuple[Option, Option]]) -> None:
    if not alike:
        return
    count = len(space.sites[site])
    if count > 1 and len(alike) == count * (count - 1) // 2:
        raise UsageError(
            f"the choice at site {site!r} changes nothing: all {count} options give the same logits and use the same "
            "parameters; does select or forward read it?"
        )
    a, b = alike[0]
    raise UsageError(
        f"options {a!r} and {b!r} of site {site!r} cannot be told apart: they give the same logits and use the same "
        "parameters; does select or forward forget one of them?"
    )


def _require_steady(net: "Supernet", module: nn.Module, images: Tensor, probes: Sequence[Probe]) -> None:
    """Raises `UsageError` unless a child's logits are the same again, whichever child came before."""
    some = probes[:ASKED_AGAIN]
    if not same(answer(net, module, images, some[0].child), answer(net, module, images, some[0].child)):
        raise UsageError(
            f"child {some[0].child} gives other logits for the same images in eval mode; expected the same: draw random "
            "numbers only when `module.training`"
        )
    for before, one in zip(reversed(some), reversed((some[-1], *some[:-1])), strict=True):
        answer(net, module, images, before.child)
        if not same(answer(net, module, images, one.child), one.logits):
            raise UsageError(
                f"child {one.child} gives other logits after child {before.child} than before; expected the same: select "
                "must set every choice of the module, each time"
            )


def _require_extracts(net: "Supernet", module: nn.Module, images: Tensor, probes: Sequence[Probe]) -> None:
    assert net.extract is not None
    for one in probes:
        plain = net.extract(module, one.child)
        if not isinstance(plain, nn.Module):
            raise UsageError(f"extract gives a {type(plain).__name__} for child {one.child}; expected an nn.Module")
        with in_mode(plain, False), torch.no_grad():
            logits = checked_logits("the extracted module", partial(plain, images), images, one.child)
        if not same(logits, one.logits):
            gap = (
                f"by up to {(logits - one.logits).abs().max():.2g}" if logits.shape == one.logits.shape else "in shape"
            )
            raise UsageError(
                f"extract gives child {one.child} as a module whose logits differ from the super-net's {gap}, in eval mode "
                f"on {len(images)} images; expected the same child with the same weights"
            )


def _holdings(module: nn.Module, probes: Sequence[Probe]) -> dict[str, Holding]:
    holdings = {}
    for name, parameter in module.named_parameters():
        using = [one for one in probes if name in one.used]
        counts = {one.used[name] for one in using}
        users, site, options = _users({one.child for one in using}, [one.child for one in probes])
        holdings[name] = Holding(
            users,
            parameter.numel(),
            site,
            options,
            in_part=len(counts) > 1,
            masked=any(name in one.masked for one in probes),
        )
    moved = frozenset().union(*(one.moved for one in probes))
    for name, buffer in module.named_buffers():
        if name in moved:
            using = {one.child for one in probes if name in one.moved}
            users, site, options = _users(using, [one.child for one in probes])
            holdings[name] = Holding(users, buffer.numel(), site, options, parameter=False)
    return holdings


def _users(using: set[Chosen], probed: Sequence[Chosen]) -> tuple[Users, str | None, tuple[Option, ...]]:
    """Whose it is, if these of the probed children use it."""
    if len(using) == len(probed):
        return Users.EVERYONE, None, ()
    if not using:
        return Users.NOBODY, None, ()
    for site, options in probed[0].space.sites.items():
        with_it = {child[site] for child in using}
        if with_it.isdisjoint(child[site] for child in probed if child not in using):
            return Users.CHOICE, site, tuple(option for option in options if option in with_it)
    return Users.COMBINATION, None, ()
