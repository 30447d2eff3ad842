"""Words that a reader may not know, each with a sentence; a page explains them where they first stand, and all at its end."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup, escape


@dataclass(frozen=True)
class Term:
    """A word, what it means, and the `forms` (a regular expression) in which it stands in a text."""

    word: str
    meaning: str
    forms: str

    @property
    def anchor(self) -> str:
        """Where the page has it in its glossary."""
        return f"word-{re.sub('[^a-z0-9]+', '-', self.word.lower()).strip('-')}"


TERMS = (
    Term("super-net", "One network that holds the weights of all child models, which share them.", "[Ss]uper-nets?"),
    Term(
        "child",
        "A child model: one choice of an operation for each edge of the cell. Its name has a digit for each edge, as 143.",
        "[Cc]hild models?|[Cc]hild(?:ren)?",
    ),
    Term(
        "ground truth",
        "What children reach that are trained alone, from scratch: their mean accuracy over several initialisations.",
        "[Gg]round[ -]truth",
    ),
    Term("rank", "The order of the children by an accuracy for each; rank 1 is the best.", "ranks?"),
    Term(
        "instance",
        "One training of a super-net (or of all children alone) that ends in one rank of the children.",
        "[Ii]nstances?",
    ),
    Term(
        "Kendall's tau",
        "How alike two ranks are, from the pairs of children that both order alike: 1 the same order, 0 no relation, −1 the "
        "reverse (tau-b, which allows ties).",
        "Kendall's tau(?:-b)?",
    ),
    Term("GT-Tau", "Kendall's tau between a rank and ground truth's: 1 is the true order, 0 no relation.", "GT-Tau"),
    Term(
        "S-Tau",
        "Stability: the mean of Kendall's tau over all pairs of several ranks; Max Tau and Min Tau are of the extreme pairs.",
        "S-Tau",
    ),
    Term(
        "TnR",
        "Take the n children that a rank puts first: the best true rank among them (T1R, T3R). 1 is perfect.",
        r"T[n\d]R",
    ),
    Term(
        "Mean-k, Std-k",
        "Mean and population standard deviation of GT-Tau over the last k mini-batches of one instance.",
        r"(?:GT-Tau-)?(?:Mean|Std)-\d+",
    ),
    Term("mini-batch", "The images of one step of training, which trains one child.", "[Mm]ini-batch(?:es)?"),
    Term("moment", "A number of mini-batches trained; all children are validated then.", "[Mm]oments?"),
    Term(
        "fixed and shuffled order",
        "In which order mini-batches train the children: one order again and again, or a new one for every round of all.",
        "(?:[Ff]ixed|[Ss]huffled) orders?",
    ),
    Term(
        "interval",
        "[low, high]: where the truth lies if the instances are typical, in 95 of 100 studies (bootstrap, so too narrow with "
        "few instances).",
        "[Ii]ntervals?",
    ),
    Term(
        "batch-norm statistics",
        "Mean and variance by which batch norm divides: running ones are kept in training, others are of the batch at hand.",
        "(?:[Bb]atch[- ]norm|BN) statistics",
    ),
    Term(
        "BN momentum",
        "How fast batch norm's running statistics follow the last mini-batches (PyTorch's).",
        "BN momentum",
    ),
    Term(
        "groups",
        "Children divided into m parts, at random or by how alike they are; each trains alone with a super-net of its own.",
        "(?:[Rr]andom |[Ss]imilar )?[Gg]roups?",
    ),
    Term(
        "fine-tuning",
        "Every child goes on alone from the super-net's weights (a snapshot), for some mini-batches.",
        "[Ff]ine-tun(?:ing|ed)|[Ss]napshots?",
    ),
    Term("child-epoch", "A unit of cost: the training images once through one child.", "[Cc]hild-epochs?"),
    Term(
        "prefix sharing",
        "The first k cells are shared by all children, the rest each child has of its own.",
        "[Pp]refix sharing|[Ss]hared cells",
    ),
)
ANY = re.compile(rf"(?<![\w-])(?:{'|'.join(f'({term.forms})' for term in TERMS)})(?![\w-])")


def explainer() -> Callable[[str], Markup]:
    """What escapes text and explains each term in it, the first time that it meets the term and never again."""
    seen: set[str] = set()

    def linked(match: re.Match[str]) -> str:
        assert match.lastindex is not None
        term = TERMS[match.lastindex - 1]
        if term.word in seen:
            return match[0]
        seen.add(term.word)
        return f'<a class="term" href="#{term.anchor}" title="{escape(term.meaning)}">{match[0]}</a>'

    return lambda text: Markup(ANY.sub(linked, str(escape(text))))
