"""Can a weight-sharing ranking of architectures be trusted, and what makes it better?"""

from commonweight.api import Programme, programme, run
from commonweight.elsewhere import rank
from commonweight.errors import CommonweightError
from commonweight.study.load import load_study

__all__ = ["CommonweightError", "Programme", "load_study", "programme", "rank", "run"]
__version__ = "0.1.0"
