<<<<<<<< HEAD:crates/restock-dashboard/assets/assets/reading.svelte-BSbB2d6W.js
import{G as e,nt as t,tt as n}from"./vendor-d9g5EJs4.js";import{G as r}from"./Table-Dz4M-xIC.js";var i=class{#e=t(void 0);get value(){return e(this.#e)}set value(e){n(this.#e,e)}#t=t(void 0);get failure(){return e(this.#t)}set failure(e){n(this.#t,e)}async read(e){this.failure=void 0;try{this.value=await e()}catch(e){if(!(e instanceof r))throw e;this.failure=e}}};export{i as t};
========
import{G as e,nt as t,tt as n}from"./vendor-d9g5EJs4.js";import{G as r}from"./Table-DJiAnxkT.js";var i=class{#e=t(void 0);get value(){return e(this.#e)}set value(e){n(this.#e,e)}#t=t(void 0);get failure(){return e(this.#t)}set failure(e){n(this.#t,e)}async read(e){this.failure=void 0;try{this.value=await e()}catch(e){if(!(e instanceof r))throw e;this.failure=e}}};export{i as t};
>>>>>>>> signals:crates/restock-dashboard/assets/assets/reading.svelte-BEeAq_rv.js
