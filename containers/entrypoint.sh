#!/bin/sh
# What the container does with the words behind its name. Words of ours go to `fastmonai` as they are; the words
# `train` and `serve` alone are SageMaker's, which starts a container with one of them.
set -eu
if [ $# -eq 1 ] && [ "$1" = train ]; then
  exec fastmonai container sagemaker-train
elif [ $# -eq 1 ] && [ "$1" = serve ]; then
  exec fastmonai container sagemaker-serve --host 0.0.0.0
elif [ $# -eq 0 ]; then
  exec fastmonai --help
else
  exec fastmonai "$@"
fi
