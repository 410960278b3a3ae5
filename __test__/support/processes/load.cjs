// Loads the package from a folder, or says why it could not be loaded.
try {
  const { InferenceEngine } = require(process.argv[2] ?? 'car-inference');
  console.log(JSON.stringify({ loaded: typeof InferenceEngine }));
} catch (error) {
  console.log(JSON.stringify({ isError: error instanceof Error, code: error.code, message: error.message }));
}
