"""Can a weight-sharing ranking of architectures be trusted, and what makes it better?

With `import commonweight as cw`, and more of each in `help(cw.run)` and so on:
    study = cw.load_study("quick")          a study that is shipped, a YAML file's or a mapping's
    cw.run(study, ["table-1", "figure-2"])  trains what these targets need, makes them and writes a report
    cw.programme(study, "table-1")          what a run would do: its experiments and jobs, done and missing
    cw.open("results/quick")                what is stored in a folder: its tables, figures and records
    cw.rank(accuracies, ground_truth)       what ranks are worth that another program made
    cw.Supernet(module, cw.Choices(sites))  a module of your own, as a super-net over the options at each site
    cw.judge(net, train, validation)        what its ranks are worth: trained a few times, and judged
    cw.Recorder(net, validation)            in a training loop of your own: writes what `cw.rank` judges
Tables and records have `to_frame()`, figures `plot(ax)`. Errors are in `.errors`, metrics in `.ranking`, nets in `.net`.
"""

import typing

import commonweight.ondemand

# No `__all__`: of each name in one, help would show the whole docstring, and be no page.
if typing.TYPE_CHECKING:
    from commonweight.api import open as open  # noqa: A004
    from commonweight.api import programme as programme
    from commonweight.api import run as run
    from commonweight.elsewhere import rank as rank
    from commonweight.judging import judge as judge
    from commonweight.own import Recorder as Recorder
    from commonweight.own import Supernet as Supernet
    from commonweight.space import Choices as Choices
    from commonweight.study.load import load_study as load_study

__getattr__, __dir__ = commonweight.ondemand.on_demand(
    __name__,
    {
        **dict.fromkeys(("open", "programme", "run"), "commonweight.api"),
        "rank": "commonweight.elsewhere",
        "load_study": "commonweight.study.load",
        "Choices": "commonweight.space",
        **dict.fromkeys(("Recorder", "Supernet"), "commonweight.own"),
        "judge": "commonweight.judging",
    },
)

__version__ = "0.1.0"
