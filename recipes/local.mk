# recipes: every one is run by the tests

recipesdir = $(pkgdatadir)/recipes
dist_recipes_DATA = \
    %D%/card.slim \
    %D%/first.slim \
    %D%/speed.slim

llm_prunerdir = $(recipesdir)/llm-pruner
dist_llm_pruner_DATA = \
    %D%/llm-pruner/channel.slim \
    %D%/llm-pruner/default.slim \
    %D%/llm-pruner/importance.slim \
    %D%/llm-pruner/layers.slim \
    %D%/llm-pruner/order.slim \
    %D%/llm-pruner/reduction.slim

slicegptdir = $(recipesdir)/slicegpt
dist_slicegpt_DATA = \
    %D%/slicegpt/calibration.slim \
    %D%/slicegpt/default.slim \
    %D%/slicegpt/orientation.slim \
    %D%/slicegpt/ratio.slim
