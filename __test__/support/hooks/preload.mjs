/** To be given to `--import`: loads the package before the program does, as telemetry would. */
import 'car-inference';
