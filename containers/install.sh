#!/bin/sh
# The image's install steps, run in the repository's root: sh containers/install.sh [PYTHON] [VARIANT] [EXTRAS]
# VARIANT: cpu (torch without CUDA, from PyTorch's own index) or cuda (the index's ordinary build).
# PIP is another command that installs, such as "uv pip install --python PYTHON"; INDEX is another index for torch.
set -eu
python=${1:-python} variant=${2:-cpu} extras=${3:-serve,hub,dicom}
pip=${PIP:-$python -m pip install}
here=$(cd "$(dirname "$0")" && pwd)

case $variant in
  cpu) index=${INDEX-https://download.pytorch.org/whl/cpu} ;;
  cuda) index=${INDEX-} ;;
  *) echo "install.sh: error: VARIANT is cpu or cuda, not $variant" >&2; exit 2 ;;
esac

# torch and torchvision have to come from one index
$pip ${index:+--index-url "$index"} -c "$here/torch.txt" torch torchvision
$pip -c "$here/torch.txt" -c "$here/constraints.txt" "$here/..[$extras]"
"$python" -c 'import torch, torchvision, monai, fastai; print("torch", torch.__version__, "monai", monai.__version__)'
