import{a}from"./part-4SVZKD3Y.js";import"./part-LS73JDDZ.js";import"./part-NL3SZQ6C.js";import"./part-X2IEPP44.js";export{a as initialize};
