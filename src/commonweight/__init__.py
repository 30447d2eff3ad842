"""Can a weight-sharing ranking of architectures be trusted, and what makes it better?

With `import commonweight as cw`: `load_study` gives a study, and `run` trains it toward targets and makes their tables
and figures. `programme` says beforehand what a run would do; `stored` makes targets again of what a run left in its
folder. `rank` judges ranks that another program made. What they raise is a `CommonweightError` of `commonweight.errors`;
metrics on plain arrays are in `commonweight.ranking`.
"""

from commonweight.api import programme, run, stored
from commonweight.elsewhere import rank
from commonweight.study.load import load_study

__all__ = ["load_study", "programme", "rank", "run", "stored"]
__version__ = "0.1.0"
