// Icons as SVG; jp-icon3 gives them the colour of the theme.

export const FIGURES_ICON = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">'
  + '<g class="jp-icon3 jp-icon-selectable" fill="#616161">'
  + '<path d="M19 3H5a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h14a2 2 0 0 0 2-2V5a2 2 0 0 0-2-2zm0 16H5V5h14v14z"/>'
  + '<path d="m7.3 17.2-1.4-1.4 4.5-5.3 3 2.5 3.4-4.7 1.6 1.2-4.6 6.4-3.1-2.6z"/></g></svg>';

export const SHARE_ICON = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">'
  + '<path class="jp-icon3 jp-icon-selectable" fill="#616161" d="M18 16.1c-.8 0-1.4.3-2 .8l-7.1-4.2c.1-.2.1-.5.1-.7s0-.5-.1-.7L16 7.2'
  + 'c.5.5 1.2.8 2 .8a3 3 0 1 0-3-3c0 .2 0 .5.1.7L8 9.8a3 3 0 1 0 0 4.4l7.1 4.2c-.1.2-.1.4-.1.6a2.9 2.9 0 1 0 3-2.9z"/></svg>';
