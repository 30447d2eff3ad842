"""A module of the user's own as a super-net: declared, its sharing discovered, behind the training loop."""

from commonweight.own.declared import Supernet
from commonweight.own.feeding import batches_of
from commonweight.own.importing import Imported, import_supernet
from commonweight.own.module_engine import ModuleEngine
from commonweight.own.module_net import ModuleNet, ModulePlan, private_sites
from commonweight.own.normalising import sweep_by_batch
from commonweight.own.probing import probe, scratch
from commonweight.own.recorder import Recorder
from commonweight.own.sharing_found import Holding, SharingFound, Users

__all__ = [
    "Holding",
    "Imported",
    "ModuleEngine",
    "ModuleNet",
    "ModulePlan",
    "Recorder",
    "SharingFound",
    "Supernet",
    "Users",
    "batches_of",
    "import_supernet",
    "private_sites",
    "probe",
    "scratch",
    "sweep_by_batch",
]
