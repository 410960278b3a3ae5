// The package is loaded and not used.
import 'car-inference';

console.log('end of script');
