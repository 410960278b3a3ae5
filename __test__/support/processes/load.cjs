// Loads the package from a folder, or says why it could not be loaded.
const { inspect } = require('node:util');

try {
  const { InferenceEngine } = require(process.argv[2] ?? 'car-inference');
  console.log(JSON.stringify({ loaded: typeof InferenceEngine }));
} catch (error) {
  // As Node shows it, causes included, it must not lay the blame on npm.
  const blame = inspect(error).includes('npm has a bug') || undefined;
  console.log(JSON.stringify({ isError: error instanceof Error, code: error.code, message: error.message, blame }));
}
