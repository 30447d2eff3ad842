"""Which units the native part takes for what, and which it leaves to PyTorch."""

import itertools

import pytest
from torch import nn

from commonweight.net import Conv, Norm, UnitShape, primitive, primitive_names
from commonweight.net.native.stages import NoConnection, Work, stages
from commonweight.net.primitives import AvgPool, MaxPool, Zero
from commonweight.net.reduction import Halve, Reduction

C, COPIES = 3, 2
EXPECTED = {
    "max_pool_3x3": [(Work.MAX_POOL, {})],
    "avg_pool_3x3": [(Work.AVERAGE_POOL, {})],
    "sep_conv_3x3": [(Work.SEPARABLE, {"kernel": 3, "dilation": 1})] * 2,
    "sep_conv_5x5": [(Work.SEPARABLE, {"kernel": 5, "dilation": 1})] * 2,
    "sep_conv_7x7": [(Work.SEPARABLE, {"kernel": 7, "dilation": 1})] * 2,
    "dil_conv_3x3": [(Work.SEPARABLE, {"kernel": 3, "dilation": 2})],
    "dil_conv_5x5": [(Work.SEPARABLE, {"kernel": 5, "dilation": 2})],
    "conv_1x1": [(Work.POINTWISE, {"kernel": 1})],
    "conv_3x3": [(Work.DENSE, {"kernel": 3})],
    "skip_connect": [],
    "nor_conv_1x1": [(Work.POINTWISE, {"kernel": 1})],
    "nor_conv_3x3": [(Work.DENSE, {"kernel": 3})],
    "avg_pool_3x3_alone": [(Work.AVERAGE, {"channels": None})],
}


def norm(channels: int = C, **others) -> Norm:
    return Norm(channels, COPIES, 0.4, **others)


def conv(kernel: int, channels_in: int = C, channels_out: int = C, **others) -> Conv:
    return Conv(channels_in, channels_out, kernel, COPIES, **others)


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("name", EXPECTED)
def test_the_primitives(name, copies):
    unit = primitive(name)(UnitShape(C, copies, 0.25))
    found = stages(unit, copies)
    assert isinstance(found, list)
    assert [stage.work for stage in found] == [work for work, _ in EXPECTED[name]]
    for stage, (_, numbers) in zip(found, EXPECTED[name], strict=True):
        assert ({"channels": C} | numbers).items() <= ({"channels": stage.channels} | stage.numbers).items()
        assert stage.numbers.get("momentum") == (None if name.endswith("alone") else 0.25)
        assert stage.numbers.get("relu", 0) == ("conv" in name)
    parameters = [id(p) for stage in found for p in stage.parameters.values()]
    assert parameters == [id(p) for p in unit.parameters()]
    assert [id(b) for stage in found for b in stage.statistics.values()] == [id(b) for b in unit.buffers()]


def test_nothing_is_no_connection():
    assert isinstance(stages(primitive("none")(UnitShape(C, 1, 0.4)), 1), NoConnection)
    assert set(EXPECTED) | {"none"} == set(primitive_names())


def test_what_stands_between_stacks():
    block, shortcut = (stages(one, COPIES) for one in Reduction(UnitShape(C, COPIES, 0.4)).children())
    assert [(stage.work, stage.channels, stage.work.halvings) for stage in block] == [
        (Work.STRIDED, 2 * C, 1),
        (Work.DENSE, 2 * C, 0),
    ]
    assert [(stage.work, stage.channels, stage.work.halvings) for stage in shortcut] == [(Work.HALVED, 2 * C, 1)]
    assert [stage.work for stage in stages(norm(affine=True), COPIES)] == [Work.NORM]


def test_affine_parameters_and_widths():
    unit = nn.Sequential(conv(3, 1, 5, common_input=True), norm(5, affine=True), nn.Identity(), conv(1, 5, C), norm())
    found = stages(unit, COPIES)
    assert isinstance(found, list)
    assert [(stage.work, stage.channels, stage.numbers["relu"]) for stage in found] == [
        (Work.DENSE, 5, 0),
        (Work.POINTWISE, C, 0),
    ]
    assert list(found[0].parameters) == ["mixing", "gamma", "beta"]


class OtherConv(Conv):
    def forward(self, x):
        return 2 * super().forward(x)


class OtherNorm(Norm):
    def forward(self, x):
        return 2 * super().forward(x)


class Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


@pytest.mark.parametrize(
    "unit",
    [
        pytest.param(Residual(nn.ReLU(), conv(1), norm()), id="sequential-of-another-kind"),
        pytest.param(nn.Sequential(nn.ReLU(), OtherConv(C, C, 1, COPIES), norm()), id="conv-of-another-kind"),
        pytest.param(nn.Sequential(nn.ReLU(), conv(1), OtherNorm(C, COPIES, 0.4)), id="norm-of-another-kind"),
        pytest.param(nn.Sequential(nn.ReLU(), conv(1), nn.BatchNorm2d(C * COPIES)), id="pytorch-norm"),
        pytest.param(nn.Sequential(nn.ReLU(), nn.Conv2d(C, C, 1), norm()), id="pytorch-conv"),
        pytest.param(nn.Sequential(nn.ELU(), conv(1), norm()), id="elu"),
        pytest.param(nn.Sequential(nn.ReLU(), conv(1)), id="no-norm"),
        pytest.param(nn.Sequential(MaxPool()), id="pool-alone"),
        pytest.param(nn.Sequential(nn.ReLU(), conv(1, stride=2), norm()), id="pointwise-strided"),
        pytest.param(nn.Sequential(nn.ReLU(), conv(3, groups=C, stride=2), conv(1), norm()), id="depthwise-strided"),
        pytest.param(nn.Sequential(Halve(), norm()), id="halved-alone"),
        pytest.param(nn.Sequential(nn.ReLU(), AvgPool(), norm()), id="relu-pool"),
        pytest.param(nn.Sequential(nn.ReLU(), conv(5), norm()), id="dense-5x5"),
        pytest.param(nn.Sequential(nn.ReLU(), conv(3, dilation=2), norm()), id="dense-dilated"),
        pytest.param(nn.Sequential(nn.ReLU(), conv(3, groups=C), norm()), id="depthwise-alone"),
        pytest.param(nn.Sequential(conv(3, groups=C), conv(1), norm()), id="separable-without-relu"),
        pytest.param(nn.Sequential(nn.ReLU(), conv(9, groups=C), conv(1), norm()), id="depthwise-9x9"),
        pytest.param(nn.Sequential(nn.ReLU(), conv(3, groups=C, dilation=3), conv(1), norm()), id="dilated-3"),
        pytest.param(nn.Sequential(nn.ReLU(), conv(5, groups=C, dilation=4), conv(1), norm()), id="dilated-4"),
        pytest.param(nn.Sequential(nn.ReLU(), conv(3, 6, C, groups=C), conv(1), norm()), id="two-inputs-a-group"),
        pytest.param(nn.Sequential(nn.ReLU(), conv(3, groups=C), conv(3), norm()), id="depthwise-dense"),
        pytest.param(nn.Sequential(MaxPool(), norm(), Zero()), id="statistics-then-nothing"),
        pytest.param(nn.Sequential(nn.Sequential(nn.ReLU(), conv(1), norm())), id="nested"),
        pytest.param(nn.Tanh(), id="tanh"),
    ],
)
def test_what_only_pytorch_can_run(unit):
    assert stages(unit, COPIES) is None


@pytest.mark.parametrize(("kernel", "dilation"), [*itertools.product((3, 5, 7), (1, 2))])
def test_every_depthwise_kernel(kernel, dilation):
    unit = nn.Sequential(nn.ReLU(), conv(kernel, groups=C, dilation=dilation), conv(1), norm())
    assert stages(unit, COPIES) is not None
