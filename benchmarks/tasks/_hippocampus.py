"""Training on the hippocampus images, for any library with fastai's `Learner`."""
import statistics, time

import torch
from fastai.callback.core import Callback, CancelFitException

WANTED, AT_MOST = .87, 60     # mean validation Dice; minutes


class EpochTimes(Callback):
    "Seconds of each epoch, or of its training alone"
    order = -90
    def __init__(self, part='epoch'):
        self.seconds = []
        setattr(self, f'before_{part}', self._start)
        setattr(self, f'after_{part}', self._end)
    def _start(self): self.start = time.perf_counter()
    def _end(self):
        if torch.cuda.is_available(): torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - self.start)


class StopAt(Callback):
    "Ends the training when the last metric is WANTED, or after AT_MOST minutes"
    order = 60                # after the Recorder
    def __init__(self, start): self.start, self.best, self.reached = start, 0., None
    def after_epoch(self):
        values, minutes = self.recorder.values[-1], (time.perf_counter() - self.start)/60
        if len(values) < 3: return               # lr_find validates nothing
        dice = values[-1]
        self.best = max(self.best, dice)
        if dice >= WANTED: self.reached = minutes
        if dice >= WANTED or minutes > AT_MOST: raise CancelFitException


def epoch_figures(learn, lr=5e-3, epochs=4):
    "Median seconds of an epoch after the first, and the first"
    times = EpochTimes()
    with learn.no_bar(), learn.no_logging(): learn.fit(epochs, lr, cbs=times)
    return dict(epoch_s=statistics.median(times.seconds[1:]), first_epoch_s=times.seconds[0],
                dice=learn.recorder.values[-1][-1])


def minutes_figures(make_learner, fit):
    "Minutes until the mean validation Dice is WANTED, from the making of the loaders on"
    start = time.perf_counter()
    learn = make_learner()
    stop, times = StopAt(start), EpochTimes()
    learn.add_cbs([stop, times])
    with learn.no_bar(): fit(learn)
    return dict(minutes=stop.reached, best_dice=stop.best, epochs=len(times.seconds))
