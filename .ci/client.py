"""A user's program, which is never run: basedpyright reads it, to see that an editor knows the types of what is ours.

`check_client` of style.py compares it with the front page and the tutorials: what they call of ours has a line here.
"""
from pathlib import Path
from typing import assert_type

from fastai.data.block import DataBlock, TransformBlock
from fastai.data.core import DataLoaders
from fastai.interpret import ClassificationInterpretation as FastaiClassification
from fastai.learner import Learner as FastaiLearner
from fastMONAI.vision_all import *
from monai.losses import DiceCELoss
from monai.networks.nets import UNet

# -- Files and images -------------------------------------------------------------------------------------------------
image = MedImage.create('t1.nii.gz')
mask = MedMask.create(Path('mask.nii.gz'))
assert_type(image, MedImage)
assert_type(mask, MedMask)
reveal_type(MedImage.create)
reveal_type(MedMask.create)
assert_type(image.geometry, Geometry)
assert_type(image.reorder('RAS'), MedImage)
assert_type(image.resample([1, 1, 1]), MedImage)
assert_type(image.save('copy.nii.gz', like='t1.nii.gz'), Path)
reveal_type(image.spacing)
reveal_type(image.orientation)
reveal_type(image.affine)
reveal_type(image.show(anatomical_plane=2, title='axial', figsize=(3, 3)))

header = read_header('t1.nii.gz')
assert_type(header, ImageHeader)
assert_type(header.geometry, Geometry)
assert_type(header.geometry.orientation, str)
head, grid = read_image('t1.nii.gz')
assert_type(head, np.ndarray)
assert_type(grid, Geometry)
assert_type(grid.to_world([[0, 0, 0]]), np.ndarray)
target = Geometry((44, 55, 83), np.eye(4)).reorder('PSR')
assert_type(target, Geometry)
assert_type(write_image('out.nii.gz', resample(head, grid, target, fill=0), target, dtype=np.uint8), Path)
turned, on_grid = reorder(head, grid)
assert_type(on_grid, Geometry)
padded, on_grid = pad_or_crop(head, grid, [48, 64, 48])
assert_type(padded, np.ndarray)
assert_type(image_files('folder'), L)
show_mask_overlay(image, mask, anatomical_plane=1, title='sagittal')
show_segmentation_comparison(image, mask, mask, anatomical_plane=0, metric_value=.9, figsize=(9, 3))

# -- From a table to batches ------------------------------------------------------------------------------------------
source = DownloadSource('nodulemnist3d.npz')
nodules = download_NoduleMNIST3D(path='data', max_workers=8, source=source)
glands = download_AdrenalMNIST3D(path='data')
for tables in nodules, glands:
    assert_type(tables, tuple[pd.DataFrame, pd.DataFrame])
assert_type(download_ixi_tiny(path='data', source=source), Path)
df = decathlon_df(download_decathlon('Task04_Hippocampus', path='data'))
assert_type(df, pd.DataFrame)
assert_type(mednist_df('data/MedNIST'), pd.DataFrame)

info = MedDataset(dataframe=df, image_col='image', mask_col='label')
assert_type(info, MedDataset)
reveal_type(MedDataset)
reveal_type(info.suggestion)
reveal_type(info.get_largest_img_size)
assert_type(MedDataset(path='images', reorder=True, max_workers=6), MedDataset)
assert_type(MedDataset(img_list=['mask.nii.gz']).label_volumes(), pd.DataFrame)
assert_type(info.summary(), pd.DataFrame)
assert_type(info.get_volume_summary(), pd.DataFrame)
assert_type(info.intensity_stats(), pd.DataFrame)
spacing, reordered = info.suggestion()
size = info.get_largest_img_size(resample=spacing)

crop = PadOrCrop(size)
assert_type(crop, PadOrCrop)
item_tfms = [ZNormalization(), crop, RandomAffine(scales=.1, degrees=10, isotropic=True, p=.5), RandomGamma(p=.3),
             RescaleIntensity(), RandomFlip(p=1)]
block = MedDataBlock(blocks=(ImageBlock(cls=MedImage),  # pyright: ignore[reportArgumentType]  # fastai's annotation
                             MedMaskBlock(codes=['background', 'anterior', 'posterior'])),
                     get_x=ColReader('image'), get_y=ColReader('label'), splitter=RandomSplitter(valid_pct=.2, seed=42),
                     reorder=reordered, resample=spacing, item_tfms=item_tfms)
assert_type(block, MedDataBlock)
is_block: DataBlock = block
assert_type(MedMaskBlock(), TransformBlock)
assert_type(ScaledRegressionBlock(unit='ml'), TransformBlock)
dls = block.dataloaders(df, bs=4, num_workers=2)
is_loaders: DataLoaders = dls
len(dls.valid.items)
dls.one_batch()
dls.show_batch(max_n=4, nrows=1, figsize=(10, 2), anatomical_plane=2)
classes = MedImageDataLoaders.from_df(df, fn_col='img_path', label_col='labels', valid_col='is_val', bs=16,
                                      num_workers=0, resample=1, item_tfms=item_tfms)
assert_type(classes, MedImageDataLoaders)
reveal_type(MedImageDataLoaders.from_df)

# -- Training ---------------------------------------------------------------------------------------------------------
network = UNet(spatial_dims=3, in_channels=1, out_channels=3, channels=(16, 32), strides=(2,), num_res_units=2)
loss = CustomLoss(loss_func=DiceCELoss(softmax=True, to_onehot_y=True))
assert_type(loss, CustomLoss)
learn = Learner(dls, network, loss_func=loss, opt_func=ranger, metrics=[multi_dice_score, binary_dice_score,
                                                                        binary_hausdorff_distance])
assert_type(learn, Learner)
reveal_type(Learner)
is_fastais: FastaiLearner = learn
learn.fit_one_cycle(5, 1e-2)
with learn.no_bar(): learn.fit_one_cycle(1)
learn.show_results(max_n=4, anatomical_plane=2)
learn.predict('t1.nii.gz')
learn.get_preds(ds_idx=1, reorder=False)
learn.tta(n=4)
learn.save('mednist')
learn.load('mednist')
learn.export('mednist.pkl')
assert_type(calculate_dsc(mask[None], mask[None]), Tensor)
assert_type(calculate_hd95(mask[None], mask[None], spacing=image.spacing), Tensor)
store_variables('vars.json', size, reordered, spacing)
load_variables('vars.json')

# -- Results, and a model to keep -------------------------------------------------------------------------------------
for interpretation in (SegmentationInterpretation.from_learner(learn), Interpretation.from_learner(learn),
                       ClassificationInterpretation.from_learner(learn)):
    interpretation.plot_top_losses(4, nrows=2, figsize=(10, 4), anatomical_plane=2)
confusion: FastaiClassification = ClassificationInterpretation.from_learner(learn)
confusion.plot_confusion_matrix(figsize=(4, 4))

assert_type(save_model(learn, 'hippocampus', name='Hippocampus', description='Front and back', license='apache-2.0',
                       datasets=['Medical Segmentation Decathlon, task 4']), Path)
model = load_model('hippocampus', device='cpu')
assert_type(model.to('cpu'), MedModel)
assert_type(to_learner(model, dls, metrics=[multi_dice_score]), Learner)
found = inference(model, df.image[0], save_path='mask.nii.gz', uncertainty=True)
reveal_type(inference)
assert_type(found, Prediction)
assert_type(inference(learn, 't1.nii.gz').geometry, Geometry)
reveal_type(found.labels)
reveal_type(found.label)
reveal_type(found.values)
reveal_type(found.probabilities)
reveal_type(found.volumes)
assert_type(found.save('mask.dcm'), Path)
reveal_type(found.summary())
reveal_type(found.show(anatomical_plane=2))
assert_type(predict_folder(model, 'images', 'out'), pd.DataFrame)

# -- A data set in any layout, and one call for all -------------------------------------------------------------------
cases = read_source('cases.csv')
assert_type(cases, SourceTable)
series = dicom_table('export', progress=False)
assert_type(series, pd.DataFrame)
plan = make_plan(take_fingerprint(cases))
assert_type(plan, TrainingPlan)
run = auto_train(cases, 'run', budget='2m', folds=1, progress=False)
assert_type(run, TrainingRun)
assert_type(run.model, MedModel)
assert_type(run.plan, TrainingPlan)
assert_type(run.source, SourceTable)
evaluation = evaluate_model(run, cases, split='test', progress=False)
assert_type(evaluation, Evaluation)
assert_type(evaluation.score('dice'), float)
drawn, meaning = read_seg('segmentation.dcm', series='series')
reveal_type(drawn)
assert_type(download_medmnist('BreastMNIST', path='data'), tuple[pd.DataFrame, pd.DataFrame])

# -- How sure, and how often right ------------------------------------------------------------------------------------
logits, truth = torch.randn(8, 2), torch.randint(0, 2, (8,))
temperature = fit_temperature(logits, truth)
assert_type(temperature, float)
probabilities = with_temperature(logits.softmax(1), temperature)
assert_type(probabilities, Tensor)
assert_type(to_logits(probabilities), Tensor)
assert_type(predictive_entropy(probabilities), Tensor)
assert_type(mutual_information([probabilities, probabilities]), Tensor)
assert_type(reliability_table(probabilities, truth, n_bins=5), pd.DataFrame)
reveal_type(calibration_summary(probabilities, truth, n_bins=5))
plot_reliability(reliability_table(probabilities, truth), title='one network')

# -- A loop of one's own ----------------------------------------------------------------------------------------------
optimizer = torch.optim.AdamW(network.parameters())
optimizer.zero_grad()
network(image.as_subclass(Tensor)[None].flip([2])).mean().backward()
optimizer.step()
network.load_state_dict({k: v.clone() for k, v in network.state_dict().items()})
