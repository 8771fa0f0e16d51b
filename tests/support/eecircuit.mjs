// Runs a testbench in the ngspice of eecircuit-engine (WebAssembly), and writes what it saved: node eecircuit.mjs FOLDER FILE OUT
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, name, out] = process.argv.slice(2);
const engine = path.join(process.env.BACKWAVE_EECIRCUIT, "node_modules", "eecircuit-engine", "dist", "eecircuit-engine.mjs");
const { Simulation } = await import(pathToFileURL(engine).href);
const read = (file) => fs.readFileSync(path.join(folder, file), "utf8");
const simulation = new Simulation();
await simulation.start();
simulation.setNetList(read(name).replace(/^\.include (\S+)$/gm, (_, file) => read(file)));
const result = await simulation.runSim();
const values = Object.fromEntries(result.variableNames.map((one, k) => [one.toLowerCase(), result.data[k].values]));
fs.writeFileSync(out, JSON.stringify({ version: simulation.getInitInfo(), values }));
process.exit(0);
