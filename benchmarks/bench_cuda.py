"""What an epoch costs over its steps: our loader, batch transforms and Learner against the bare steps on one synthetic
batch that lies on the device.

Two shapes: 128x128x128 with 2 in a batch, and 40x56x40 with 9; a DynUNet with 32 to 320 filters, Dice and
cross-entropy, AdamW, in bfloat16. The floor is the fastest of the bare loops, channels last or not and compiled or not.
The Learner is given nothing but data, network and loss. Prints milliseconds a step as medians of epochs after the
first, by turns with the floor, and keeps them in benchmarks/RESULTS.md. fastMONAI 0.12.0 is measured too where
`peers.py make` made its environment.

    python benchmarks/bench_cuda.py [--shapes large,small] [--epochs 4]
    python benchmarks/bench_cuda.py --device cpu --tiny      # to see that it runs
"""
import argparse, datetime, os, statistics, tempfile, time

from fastMONAI.vision_all import (Cache, ColReader, ColSplitter, CustomLoss, ImageBlock, Learner, MedDataBlock,
                                  MedImage, MedMaskBlock, Patches,
                                  ZNormalization, aug_transforms3d, has_bf16)
import pandas as pd
import torch
from monai.losses import DiceCELoss

import common, run
from tasks._hippocampus import EpochTimes


def wait(device):
    if device.type == 'cuda': torch.cuda.synchronize(device)


def formats(x, channels_last): return x.to(memory_format=torch.channels_last_3d) if channels_last else x


def bare_step(shape, device, channels_last, options):
    "A function that takes one step, on the same batch every time; `options` of the compilation, or None"
    model = formats(common.dynunet(shape.levels).to(device), channels_last)
    if options is not None: model.compile(**options)
    loss_func, opt = DiceCELoss(to_onehot_y=True,
                                softmax=True), torch.optim.AdamW(model.parameters(), 1e-3, fused=device.type == 'cuda')
    x = formats(torch.randn(shape.bs, 1, *shape.size, device=device), channels_last)
    y = torch.randint(0, 3, (shape.bs, 1, *shape.size), device=device).float()
    def step():
        if options is not None: torch.compiler.cudagraph_mark_step_begin()
        with torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device)): pred = model(x)
        loss_func(pred.float(), y).backward()
        opt.step()
        opt.zero_grad(set_to_none=True)
    return step


def seconds_of(step, n, device):
    "Mean seconds of a step, of `n` that are not waited for one by one"
    wait(device)
    start = time.perf_counter()
    for _ in range(n): step()
    wait(device)
    return (time.perf_counter() - start) / n


def fastest_floor(shape, device, compiled):
    "(name, step) of the fastest bare loop"
    ways = {'plain': None} | (dict(compiled=dict(dynamic=False), graphs=dict(dynamic=False, mode='reduce-overhead'))
                              if compiled else {})
    found = {}
    for name, options in ways.items():
        for channels_last in (False, True):
            step = bare_step(shape, device, channels_last, options)
            for _ in range(4): step()
            found[name + ', channels last'*channels_last] = seconds_of(step, 8, device), step
    best = min(found, key=lambda k: found[k][0])
    return best, found[best][1]


def learner(rows, shape, device, batch_tfms, folder):
    block = MedDataBlock((ImageBlock(cls=MedImage), MedMaskBlock), get_x=ColReader('image'), get_y=ColReader('mask'),
                         splitter=ColSplitter('is_valid'),
                         item_tfms=[ZNormalization()], batch_tfms=batch_tfms, cache=Cache(folder, progress=False),
                         patches=Patches(shape.size, shape.per_volume))
    dls = block.dataloaders(pd.DataFrame(rows), bs=shape.bs, num_workers=min(8, len(os.sched_getaffinity(0))),
                            device=device)
    return Learner(dls, common.dynunet(shape.levels),
                   loss_func=CustomLoss(loss_func=DiceCELoss(to_onehot_y=True, softmax=True)))


def measure(shape, device, epochs, compiled):
    "Rows of milliseconds a step: (what, floor, ours, ratio, GB)"
    rows, res = common.shape_volumes(shape), []
    name, step = fastest_floor(shape, device, compiled)
    with tempfile.TemporaryDirectory() as folder:
        for what, tfms in (('without random transforms', None), ('with aug_transforms3d()', aug_transforms3d())):
            learn, times, floors = learner(rows, shape, device, tfms, folder), EpochTimes('train'), []
            if device.type == 'cuda': torch.cuda.reset_peak_memory_stats(device)
            with learn.no_bar(), learn.no_logging():
                learn.fit(2, 1e-3, cbs=times)      # the first epoch chooses and compiles
                for _ in range(epochs):
                    floors.append(seconds_of(step, len(learn.dls.train), device))
                    learn.fit(1, 1e-3, cbs=times)
            ours, floor = statistics.median(times.seconds[2:]) / len(learn.dls.train), statistics.median(floors)
            memory = torch.cuda.max_memory_allocated(device)/1e9 if device.type == 'cuda' else 0.
            res.append([f'{"x".join(map(str, shape.size))}, batch {shape.bs}, {what}', f'{1000*floor:.1f} ({name})',
                        f'{1000*ours:.1f}', f'{ours/floor:.2f}', '≤ 1.10' + (' ✓' if ours <= 1.1*floor else ' ✗'),
                        f'{memory:.1f}'])
            print(*res[-1], sep='  ', flush=True)
    return res


def peer(name, device, tiny):
    "A row for fastMONAI 0.12.0 on the same volumes, in its own environment"
    os.environ |= dict(BENCHMARK_DEVICE=str(device), **dict(BENCHMARK_TINY='1') if tiny else {})
    figures, why = run.run('fastmonai_0_12', f'cuda_{name}', False, 1800)
    print('fastMONAI 0.12.0:', why or f'{1000*figures["step_s"]:.1f} ms a step', flush=True)
    return [] if figures is None else [[f'fastMONAI 0.12.0, {name}, its transforms of batches', '',
                                        f'{1000*figures["step_s"]:.1f}', '', '', '']]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--shapes', default='large,small')
    parser.add_argument('--epochs', type=int, default=4, help='measured after the first two')
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--tiny', action='store_true', help='tiny shapes, nothing compiled or kept')
    args = parser.parse_args()
    device, shapes = torch.device(args.device), common.tiny_shapes() if args.tiny else common.SHAPES
    if device.type == 'cuda': torch.backends.cudnn.benchmark = True
    rows = []
    for name in args.shapes.split(','):
        rows += measure(shapes[name], device, args.epochs,
                        device.type == 'cuda' and not args.tiny) + peer(name, device, args.tiny)
    if args.tiny: return
    where = torch.cuda.get_device_name(device) if device.type == 'cuda' else 'CPU'
    head = ['', 'floor, ms a step', 'epoch, ms a step', 'ratio', 'wanted', 'GB']
    text = '\n'.join('| ' + ' | '.join(r) + ' |' for r in [head, ['---']*len(head), *rows])
    run.keep('An epoch over its steps', 'A DynUNet with 32 to 320 filters; the floor is the fastest bare loop '
                                        f'on one batch on the device.\n\n{text}\n\n{datetime.date.today()}, '
                                        f'{where}; {run.machine()}.')


if __name__ == '__main__': main()
