'use strict';

// What `require('car-inference')` and `import … from 'car-inference'` load. A lone re-export is the form in which Node
// finds the names for `import { … }` without running anything; nothing else may stand in this file.
module.exports = require('./dist/index.js');
