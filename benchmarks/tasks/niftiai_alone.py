"""niftiai: its loaders know neither orientation nor spacing, so volumes are read, scaled and resized to the same
number of voxels."""
import pandas as pd
from niftiai import Scale, SegmentationDataLoaders3d, aug_transforms3d
from niftiai.transforms import Resize

import common, synthetic
from measure import loader_figures


def _whole(batch_tfms=None):
    df = pd.DataFrame(synthetic.training_volumes())
    synthetic.warm(df.to_dict('records'))
    return loader_figures(lambda: SegmentationDataLoaders3d.from_df(df, fn_col='image', label_col='mask',
                                                                    valid_col='is_valid', path='/',
                                                                    codes=['background', 'one', 'two'],
        item_tfms=[Resize(common.SIZE), Scale()], batch_tfms=batch_tfms, bs=common.BS,
        num_workers=common.WORKERS).train)


def whole():
    "Volumes read, resized and scaled"
    return _whole()


def whole_random():
    "The same, and its affine map and flip"
    off = dict.fromkeys('p_warp p_noise p_bias p_contrast p_ring p_motion p_ghost p_spike p_down'.split(), 0.)
    return _whole(aug_transforms3d(p_affine=common.P, p_flip=common.P, **off))
