# recipes: every one is run by the tests

recipesdir = $(pkgdatadir)/recipes
dist_recipes_DATA = \
    %D%/card.slim \
    %D%/first.slim \
    %D%/speed.slim
