// Jest transformer: TypeScript to JavaScript by blanking out the types, so that line numbers stay true.
const { stripTypeScriptTypes } = require('node:module');

module.exports = {
  process(source) {
    return { code: stripTypeScriptTypes(source, { mode: 'strip' }) };
  },
};
