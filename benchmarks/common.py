"""What all contenders are given: the same sizes, the same network, the same weights."""
import os
from dataclasses import dataclass

import nibabel as nib
import numpy as np
import torch

import synthetic

SPACING, SIZE = [1.5, 1.5, 1.5], [96, 96, 96]            # mm; voxels that volumes are padded or cropped to
BS, WORKERS = 4, 2
AFFINE, P = dict(scales=.1, degrees=10), .5               # the random affine map; probability of each random transform
# voxels; patches of a volume an epoch; share about a voxel of the mask
PATCH, PER_VOLUME, FOREGROUND = [64, 64, 64], 4, 1/3
WINDOW, OVERLAP = [96, 96, 64], .5
HIPPOCAMPUS_SIZE, HIPPOCAMPUS_BS = [40, 56, 40], 4


def unet(out_channels=2, seed=0):
    "A small 3D U-Net with weights that depend on `seed` only"
    from monai.networks.nets import UNet
    torch.manual_seed(seed)
    return UNet(spatial_dims=3, in_channels=1, out_channels=out_channels, channels=(16, 32, 64, 128), strides=(2, 2, 2),
                num_res_units=1)


def _train(folder, steps=200):
    "Weights that find the labels of the made-up volumes; some minutes on two cores"
    from monai.losses import DiceCELoss
    rng, model, loss_func = np.random.default_rng(0), unet(), DiceCELoss(to_onehot_y=True, softmax=True)
    opt = torch.optim.AdamW(model.parameters(), 5e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, 5e-3, steps)
    cases = [(normalised(p)[0, 0].numpy(), nib.load(synthetic.mask_of(p)).get_fdata(dtype=np.float32) > 0)
             for p in synthetic.large_volumes()[1:]]
    for _ in range(steps):
        at = [tuple(slice(s, s+p) for s, p in zip(rng.integers(0, np.subtract(cases[0][0].shape, WINDOW) + 1), WINDOW))
              for _ in range(2)]
        case = [cases[i] for i in rng.integers(0, len(cases), 2)]
        x, y = (torch.from_numpy(np.stack([c[k][a] for c, a in zip(case, at)])[:, None]).float() for k in (0, 1))
        opt.zero_grad()
        with torch.autocast('cpu', torch.bfloat16): logits = model(x)
        loss_func(logits.float(), y).backward()
        opt.step()
        schedule.step()
    torch.save(model.state_dict(), folder/'unet.pt')


def normalised(path):
    "A file's voxels as a network takes them: (1, 1, X, Y, Z), mean 0, standard deviation 1"
    x = nib.load(path).get_fdata(dtype=np.float32)
    return torch.from_numpy((x - x.mean()) / x.std())[None, None]


def keep_labels(labels, contender):
    "Keep a contender's labels of the large volume, so that they can be compared"
    torch.save(torch.as_tensor(labels).as_subclass(torch.Tensor).squeeze().to(torch.uint8),
               synthetic.HOME/'data/large'/f'labels-{contender}.pt')


def trained_unet():
    "The U-Net that finds the labels of the made-up volumes, in evaluation mode"
    model = unet()
    model.load_state_dict(torch.load(synthetic.once('unet', _train)/'unet.pt', weights_only=True))
    return model.eval()


@dataclass
class Shape:
    """A training on a CUDA device: voxels of a patch and of a volume, patches in a batch and of a volume, levels of
    the network, volumes"""
    size: tuple
    volume: tuple
    bs: int
    per_volume: int
    levels: int
    n: int


SHAPES = dict(large=Shape((128, 128, 128), (160, 160, 144), 2, 4, 6, 29),
              small=Shape((40, 56, 40), (48, 64, 48), 9, 9, 4, 54))
def tiny_shapes():
    return dict(large=Shape((32, 32, 32), (40, 40, 40), 2, 2, 3, 10),
                small=Shape((16, 24, 16), (24, 32, 24), 4, 4, 2, 10))


def shape_volumes(shape):
    "Rows for the volumes of a `Shape`"
    name = f'{"x".join(map(str, shape.volume))}-{shape.n}'
    return synthetic.table(synthetic.once(name, lambda f: synthetic.make_volumes(f/'images', shape.n, shape.volume,
                                                                                 (1.,)*3, 'RAS', masks=True,
                                                                                 ending='.nii')))


def asked_shape(name):
    "The `Shape` of that name, and the device, as $BENCHMARK_TINY and $BENCHMARK_DEVICE say"
    return (tiny_shapes() if os.getenv('BENCHMARK_TINY')
            else SHAPES)[name], torch.device(os.getenv('BENCHMARK_DEVICE', 'cuda'))


def dynunet(levels):
    "A 3D U-Net with 32 filters, twice as many at each level, 320 at most; 3 classes"
    from monai.networks.nets import DynUNet
    torch.manual_seed(0)
    return DynUNet(3, 1, 3, [3]*levels, [1] + [2]*(levels - 1), [2]*(levels - 1),
                   filters=[min(32*2**i, 320) for i in range(levels)])


class EightClasses(torch.nn.Module):
    """In the place of a network: logits (B, 8, *spatial) of a background and 7 ellipsoids, wherever and whatever the
    image. `ended` is when it was last done"""
    ended = None
    def __init__(self, clock):
        super().__init__()
        g = torch.Generator().manual_seed(0)
        self.clock, self.bias = clock, torch.nn.Parameter(torch.zeros(1))
        # of half the volume
        self.centres, self.radii = torch.rand(7, 3, generator=g)*1.2 - .6, torch.rand(7, 3, generator=g)*.25 + .2

    def forward(self, x):
        grid = [torch.linspace(-1, 1, n).reshape([-1 if i == a else 1 for i in range(3)]) for a,
                n in enumerate(x.shape[2:])]
        outside = torch.stack([sum(((u - c) / r)**2 for u, c, r in zip(grid, cs, rs)) for cs,
                               rs in zip(self.centres, self.radii)])
        logits = torch.cat([torch.zeros_like(outside[:1]),
                            6*(1 - outside).clamp(min=-3)]).expand(len(x), -1, -1, -1, -1) + self.bias
        self.ended = self.clock()
        return logits


def mean_dice(pred, targ):
    """Mean Dice of the labels 1, 2, … and of the items, from logits (B, C, *spatial) and labels (B, 1, *spatial); 1
    where both are empty"""
    pred, targ = (torch.as_tensor(o).as_subclass(torch.Tensor) for o in (pred, targ))
    labels, dims = pred.argmax(1), tuple(range(1, targ.ndim-1))
    scores = []
    for c in range(1, pred.shape[1]):
        a, b = labels == c, targ[:, 0] == c
        total = a.sum(dims) + b.sum(dims)
        scores.append(torch.where(total > 0, 2*(a & b).sum(dims)/total.clamp(min=1), 1.))
    return torch.stack(scores).mean()
