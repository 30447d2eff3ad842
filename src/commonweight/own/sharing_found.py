"""Which children share which weights of a user's module, as it was discovered."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from commonweight.errors import UsageError, nearest
from commonweight.space import Choices, Chosen, Option


class Users(Enum):
    """Which children use a parameter: every one; those with certain options at one site; certain combinations; none."""

    EVERYONE = "everyone"
    CHOICE = "choice"
    COMBINATION = "combination"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Holding:
    """Who uses one parameter, or one buffer that training moves (`numbers` in it), of a module.

    With `CHOICE`, children that choose one of `options` at `site`. `in_part`: some children get a gradient for fewer of its
    numbers than others, as where a width is a slice of one weight. `masked`: a child that does not use it is told so by a
    gradient of zero, not by none.
    """

    users: Users
    numbers: int
    site: str | None = None
    options: tuple[Option, ...] = ()
    parameter: bool = True
    in_part: bool = False
    masked: bool = False

    def of(self, child: Chosen) -> bool:
        """Whether the child uses it, as far as its choices at single sites tell."""
        return self.users is not Users.NOBODY and (self.site is None or child[self.site] in self.options)


@dataclass(frozen=True, eq=False)
class SharingFound:
    """What discovery found: for each parameter and moving buffer, by its name in the module, who uses it.

    `probed` is the number of children that were looked at, `classes` that of their logits. `print` shows it as a table.
    """

    space: Choices
    holdings: Mapping[str, Holding]
    probed: int
    classes: int
    batch_norm: bool

    def slot(self, child: Chosen, site: str) -> tuple[str, ...]:
        """Names, in order, of the weights and statistics that the child uses at this site: its slot there.

        Children with one slot share these weights. What belongs to no single site is in no slot. Raises `UsageError` for
        an unknown site.
        """
        self.require_site(site)
        return tuple(sorted(name for name, one in self.holdings.items() if one.site == site and one.of(child)))

    def require_site(self, site: str) -> None:
        """Raises `UsageError` for a site that the space does not have."""
        if site not in self.space.sites:
            known = ", ".join(self.space.sites)
            raise UsageError(f"no site {site!r}{nearest(site, self.space.sites)}; expected one of {known}")

    @cached_property
    def moving(self) -> frozenset[str]:
        """The buffers that training moves."""
        return frozenset(name for name, one in self.holdings.items() if not one.parameter)

    def __str__(self) -> str:
        rows = [("used by", "tensors", "parameters", "statistics", "")]
        for users in (Users.EVERYONE, Users.COMBINATION, Users.NOBODY):
            among = [one for one in self.holdings.values() if one.users is users]
            if among or users is Users.EVERYONE:
                rows.append(_row(users.value if users is not Users.COMBINATION else "combinations", among))
        for site, options in self.space.sites.items():
            sharers = [one for one in self.holdings.values() if one.site == site]
            for option in options:
                own = [one for one in sharers if one.options == (option,)]
                several = [one for one in sharers if option in one.options and len(one.options) > 1]
                row = _row(f"{site}={option}", own)
                none = not any(one.parameter for one in own)
                notes = [row[-1], "no parameters of its own" if none else ""]
                notes.append(f"and {sum(o.numbers for o in several):,} with other options" if several else "")
                rows.append((*row[:-1], "; ".join(filter(None, notes))))
        widths = [max(len(row[place]) for row in rows) for place in range(4)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(row[n].rjust(widths[n]) for n in (1, 2, 3)), row[4]]).rstrip()
            for row in rows
        ]
        told = [f"Found by a forward and a backward pass of each of {self.probed} children."]
        if any(one.in_part for one in self.holdings.values()):
            told.append(
                "In part: children use slices of one tensor, which is trained as a whole: what a slice leaves out is "
                "moved by weight decay and momentum."
            )
        return "\n".join([*lines, *told])


def _row(name: str, among: list[Holding]) -> tuple[str, str, str, str, str]:
    parameters = [one for one in among if one.parameter]
    in_part, masked = (sum(getattr(one, what) for one in parameters) for what in ("in_part", "masked"))
    notes = [f"{in_part} in part" if in_part else "", f"{masked} masked by zeros" if masked else ""]
    return (
        name,
        f"{len(parameters):,}",
        f"{sum(one.numbers for one in parameters):,}",
        f"{sum(one.numbers for one in among if not one.parameter):,}",
        "; ".join(filter(None, notes)),
    )
