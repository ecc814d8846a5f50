#!/bin/sh
# Replay the image's install steps in an environment of its own, and try what was installed, without any container
# engine: sh containers/replay.sh [FOLDER] [VARIANT] [EXTRAS]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$(mktemp -d)} variant=${2:-cpu} extras=${3:-serve,hub,dicom}
"${PYTHON:-python3}" -m venv "$folder/venv"
bin=$folder/venv/bin
if command -v "${UV:-uv}" >/dev/null; then PIP="${UV:-uv} pip install --quiet --python $bin/python"; export PIP; fi
mkdir -p "$folder/src"
cp -R "$here/../fastMONAI" "$here/../containers" "$here/../settings.ini" "$here/../setup.py" "$here/../pyproject.toml" \
  "$here/../README.md" "$here/../LICENSE" "$folder/src"
sh "$folder/src/containers/install.sh" "$bin/python" "$variant" "$extras"
rm -rf "$folder/src"

cd "$folder"
PATH=$bin:$PATH
"$bin/python" - <<'PY'
from fastMONAI.images.vision_core import MedImage
from fastMONAI.models.med_model import MedModel
from fastMONAI.models.sharing import save_model
import numpy as np, torch
model = MedModel(torch.nn.Conv3d(1, 1, 1), 'segmentation', 1, 3, ['background', 'bright'], [], 'sigmoid')
save_model(model, 'model', metrics={})
MedImage(torch.randn(1, 9, 8, 7), affine=np.eye(4)).save('in/a.nii.gz')
PY
sh "$here/entrypoint.sh" --version
sh "$here/entrypoint.sh" container medici --model model --in in --out out
test -f out/a.nii.gz
echo "replayed in $folder: $("$bin/python" -m pip list 2>/dev/null | wc -l) packages, $(du -sh "$folder/venv" | cut -f1)"
