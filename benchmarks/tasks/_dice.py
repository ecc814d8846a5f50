"""What the trainings of `dice_over_minutes.py` share: the cases, the time, and where masks are written."""
import os, time
from pathlib import Path

import nibabel as nib
import numpy as np

import synthetic


def minutes(): return float(os.environ['BENCHMARK_MINUTES'])


def cases():
    "(rows to learn from, rows that are predicted)"
    rows = synthetic.hippocampus()
    synthetic.warm(rows)
    return [r for r in rows if not r['is_valid']], [r for r in rows if r['is_valid']]


def folder():
    "Where masks are written, each with the name of its image"
    res = Path(os.environ['BENCHMARK_MASKS'])
    res.mkdir(parents=True, exist_ok=True)
    return res


def write(row, labels):
    "Write `labels` (X, Y, Z) on the grid of a row's image"
    image = nib.load(row['image'])
    mask = nib.Nifti1Image(np.asarray(labels, np.uint8), image.affine)
    nib.save(mask, folder()/Path(row['image']).name)


class Watch:
    "Minutes since it was made, and how many more epochs fit"
    def __init__(self): self.start = time.perf_counter()
    @property
    def minutes(self): return (time.perf_counter() - self.start)/60
    def epochs(self, seconds, reserve=0.):
        "Epochs of so many `seconds` that fit into what is left, less `reserve` seconds"
        return max(1, int((60*(minutes() - self.minutes) - reserve)/seconds))
