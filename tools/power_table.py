"""How many instances do I need? The two tables of `docs/faq.md`; with --docs they are written into it.

The first is simulated: 64 children with truths at the quantiles of a normal distribution, and ranks that see them under
normal noise, of each child its own. With correlation ρ between the two, tau is (2 / π) asin ρ (Greiner), which
gives the noise for a GT-Tau. Instances of two ways to train are then as many as a two-sided t-test of two samples needs to
tell their means apart at 5 % in 80 % of studies; the second table takes that from a difference and a standard deviation.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import nct, norm, t

from commonweight.ranking import gt_tau, top_n_rank

SEED, RANKS, CHILDREN = 2001, 20_000, 64
TAUS = (0.4, 0.5, 0.6, 0.7, 0.8)
SPREADS, DIFFERENCES = (0.04, 0.08, 0.14), (0.02, 0.05, 0.10, 0.20)
LEVEL, POWER = 0.05, 0.8
PAGE = Path(__file__).parents[1] / "docs" / "faq.md"


def power(instances: int, difference: float, spread: float) -> float:
    """Of studies with so many instances of either way, the share in which the t-test finds the difference of the means.

    spread: the standard deviation of either. One minus the two tails' complement, by the noncentral t distribution.
    """
    freedom, away = 2 * instances - 2, difference / (spread * np.sqrt(2 / instances))
    border = t.ppf(1 - LEVEL / 2, freedom)
    return float(nct.sf(border, freedom, away) + nct.cdf(-border, freedom, away))


def needed(difference: float, spread: float) -> int:
    """The fewest instances of either way with which the power is 80 %; at least two."""
    low, high = 1, 2
    while power(high, difference, spread) < POWER:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle, difference, spread) >= POWER else (middle, high)
    return high


def simulated(tau: float, rng: np.random.Generator, ranks: int = RANKS) -> dict[str, np.ndarray]:
    """GT-Tau, T1R and T3R `[rank]` of so many ranks under the noise that gives this tau."""
    truth = norm.ppf((np.arange(CHILDREN) + 0.5) / CHILDREN)
    noise = np.sqrt(1 / np.sin(np.pi * tau / 2) ** 2 - 1)
    seen = truth + noise * rng.standard_normal((ranks, CHILDREN))
    return {
        "GT-Tau": gt_tau(seen, truth),
        "T1R": top_n_rank(seen, truth, 1),
        "T3R": top_n_rank(seen, truth, 3),
    }


def tables() -> str:
    """Both tables as Markdown."""
    rng = np.random.default_rng(SEED)
    rows = [simulated(tau, rng) for tau in TAUS]
    lines = ["| GT-Tau | T1R | T3R | instances to tell from the next row by GT-Tau | by T1R | by T3R |"]
    lines.append("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        means = [f"{row[name].mean():.{digits}f} ± {row[name].std():.{digits}f}" for name, digits in _DIGITS.items()]
        told = ["–"] * len(row) if after is None else [str(_apart(row[name], after[name])) for name in row]
        lines.append(f"| {' | '.join([*means, *told])} |")
    lines += ["", f"| standard deviation | {' | '.join(f'difference {one:.2f}' for one in DIFFERENCES)} |"]
    lines.append(f"| ---: |{' ---: |' * len(DIFFERENCES)}")
    lines += [f"| {s:.2f} | {' | '.join(f'{needed(d, s):,}' for d in DIFFERENCES)} |" for s in SPREADS]
    return "\n".join(lines)


_DIGITS = {"GT-Tau": 2, "T1R": 1, "T3R": 1}


def _apart(a: np.ndarray, b: np.ndarray) -> int:
    return needed(abs(a.mean() - b.mean()), np.sqrt((a.var() + b.var()) / 2))


def written(page: str) -> str:
    """The page with the tables between its marks."""
    before, begin, rest = page.partition("<!-- power -->")
    _, end, after = rest.partition("<!-- /power -->")
    assert end, f"{PAGE} has no marks <!-- power --> and <!-- /power -->"
    return f"{before}{begin}\n\n{tables()}\n\n{end}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description="How many instances do I need? The two tables of docs/faq.md.")
    parser.add_argument("--docs", action="store_true", help="write them into docs/faq.md")
    if parser.parse_args().docs:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(tables())


if __name__ == "__main__":
    main()
