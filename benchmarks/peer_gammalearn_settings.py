"""Settings of GammaLearn 0.15 for `engine.py`: those that its own example ``experiment_settings_train_MC.py`` has.

Without the test, since ours has its data from another split, and without callbacks that only look on. The environment
says where files are (``BENCHMARK_DATA``, ``BENCHMARK_OUT``) and how long it is trained (``BENCHMARK_EPOCHS``).
"""

from __future__ import annotations

import collections
import os
import resource

import torch
from gammalearn import optimizers
from gammalearn import training_steps
from gammalearn.criterion.loss_balancing.uncertainty_weighting import UncertaintyWeighting
from gammalearn.data.LST_data_module import GLearnDataModule
from gammalearn.data.LST_dataset import MemoryLSTDataset
from gammalearn.nets.attention import DualAttention
from gammalearn.nets.gammaphysnet import GammaPhysNet
from gammalearn.nets.indexed_convolution.residual_net import ResNetAttentionIndexed
from lightning.pytorch.callbacks import Callback
from torch.optim import lr_scheduler
from torchmetrics.classification import AUROC


class FirstStep(Callback):
    """Tells the CPU time at the end of the first step."""

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index) -> None:  # type: ignore[no-untyped-def]
        """Tell it."""
        if trainer.current_epoch == 0 and batch_index == 0:
            used = resource.getrusage(resource.RUSAGE_SELF)
            print(f"first step: {used.ru_utime + used.ru_stime}", flush=True)


torch.set_num_threads(1)
main_directory = os.environ["BENCHMARK_OUT"]
experiment_name = "benchmark"
gpus = 0
log_every_n_steps = 100
window_size = 100
checkpointing_options = {"every_n_epochs": 1, "save_top_k": 1, "save_last": True}
random_seed = 1
monitor_device = False
particle_dict = {0: 0, 101: 1}
targets = collections.OrderedDict(
    {
        "energy": {"output_shape": 1, "loss": torch.nn.L1Loss(reduction="none")},
        "direction": {"output_shape": 2, "loss": torch.nn.L1Loss(reduction="none")},
        "class": {"label_shape": 1, "output_shape": 2, "loss": torch.nn.CrossEntropyLoss(label_smoothing=0.1)},
    }
)
for target in targets.values():
    target |= {"loss_weight": 1, "metrics": {}, "mt_balancing": True}
targets["class"]["metrics"] = {"AUC": AUROC(task="multiclass", num_classes=2)}
dataset_class = MemoryLSTDataset
dataset_parameters = {
    "camera_type": "LST_LSTCam",
    "group_by": "image",
    "use_time": True,
    "particle_dict": particle_dict,
    "targets": list(targets),
    "mask_method": None,
}
preprocessing_workers = 0
dataloader_workers = 0
mp_start_method = "fork"
net_parameters_dic = {
    "model": GammaPhysNet,
    "parameters": {
        "backbone": {
            "model": ResNetAttentionIndexed,
            "parameters": {
                "num_layers": 3,
                "initialization": (torch.nn.init.kaiming_uniform_, {"mode": "fan_out"}),
                "normalization": (torch.nn.BatchNorm1d, {}),
                "num_channels": 2,
                "block_features": [16, 32, 64],
                "attention_layer": (DualAttention, {"ratio": 16}),
                "non_linearity": (torch.nn.ReLU, {}),
            },
        },
        "fc_width": 256,
        "non_linearity": (torch.nn.ReLU, {}),
        "last_bias_init": None,
        "targets": {name: target["output_shape"] for name, target in targets.items()},
    },
}
profiler = None
train, test = True, False
data_module_train = {
    "module": GLearnDataModule,
    "paths": [os.environ["BENCHMARK_DATA"]],
    "image_filter": {},
    "event_filter": {},
    "transform": None,
    "target_transform": None,
}
validating_ratio = 0.2
max_epochs = int(os.environ["BENCHMARK_EPOCHS"])
batch_size = 64
pin_memory = False
loss_options = {"conditional": True, "gamma_class": 0}
loss_balancing = UncertaintyWeighting(targets, log_var_coefficients=[2, 2, 0.5], penalty=0)
optimizer_dic = {"network": optimizers.load_adam, "loss_balancing": optimizers.load_adam}
optimizer_parameters = {
    "network": {"lr": 1e-3, "weight_decay": 1e-7},
    "loss_balancing": {"lr": 0.025, "weight_decay": 1e-4},
}
training_step = training_steps.get_training_step_mt()
eval_step = training_steps.get_eval_step_mt()
check_val_every_n_epoch = 1
lr_schedulers = {"network": {lr_scheduler.StepLR: {"gamma": 0.1, "step_size": 10}}}
training_callbacks = [FirstStep()]
test_callbacks: list[Callback] = []
