"Sphinx's configuration; docs/build.py prepares the pages and runs it"
project = 'fastMONAI'
author = 'fastMONAI contributors'
extensions = ['myst_nb']
exclude_patterns = ['_build']
nb_execution_mode = 'off'  # the notebooks bring their outputs
myst_enable_extensions = ['dollarmath']
myst_heading_anchors = 4
suppress_warnings = ['myst.header', 'misc.highlighting_failure', 'mystnb.unknown_mime_type']
html_theme = 'pydata_sphinx_theme'
html_title = 'fastMONAI'
html_show_sourcelink = False
html_copy_source = False
html_theme_options = dict(show_prev_next=True, navigation_with_keys=False, secondary_sidebar_items=['page-toc'])
