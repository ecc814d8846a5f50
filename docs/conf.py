"Sphinx's configuration; docs/build.py prepares the pages and runs it"
project = 'fastMONAI'
author = 'fastMONAI contributors'
extensions = ['myst_nb']
exclude_patterns = ['_build', 'docs']
nb_execution_mode = 'off'  # the notebooks bring their outputs
myst_enable_extensions = ['dollarmath']
myst_heading_anchors = 4
suppress_warnings = ['myst.header', 'misc.highlighting_failure', 'mystnb.unknown_mime_type']
html_theme = 'pydata_sphinx_theme'
html_title = 'fastMONAI'
html_favicon = '_static/favicon.svg'
html_static_path = ['_static']
html_css_files = ['site.css']
html_js_files = [('copy.js', {'defer': 'defer'})]
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {'index': []}
html_context = {'default_mode': 'auto'}
html_theme_options = dict(
    logo=dict(image_light='_static/favicon.svg', image_dark='_static/favicon.svg', text='fastMONAI'),
    show_prev_next=True, navigation_with_keys=False, secondary_sidebar_items=['page-toc'],
    header_links_before_dropdown=5, navbar_align='left', navbar_persistent=['search-button'], show_toc_level=2,
    pygments_light_style='a11y-high-contrast-light', pygments_dark_style='a11y-high-contrast-dark',
    footer_start=['copyright'], footer_end=['theme-version'],
    icon_links=[dict(name='GitHub', url='https://github.com/MMIV-ML/fastMONAI', icon='fa-brands fa-github')])
