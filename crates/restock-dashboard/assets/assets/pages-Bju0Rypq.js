<<<<<<<< HEAD:crates/restock-dashboard/assets/assets/pages-MNqIEyyC.js
import{q as e}from"./Table-Dz4M-xIC.js";async function t(t,n,{rowsOf:r,nextOf:i,parameter:a,most:o}){let s=[],c;do{let l=await e(t,{...n,limit:1e3,[a]:c});if(s.push(...r(l)),c=i(l)??void 0,s.length+(c===void 0?0:1)>o)return}while(c!==void 0);return s}export{t};
========
import{q as e}from"./Table-DJiAnxkT.js";async function t(t,n,{rowsOf:r,nextOf:i,parameter:a,most:o}){let s=[],c;do{let l=await e(t,{...n,limit:1e3,[a]:c});if(s.push(...r(l)),c=i(l)??void 0,s.length+(c===void 0?0:1)>o)return}while(c!==void 0);return s}export{t};
>>>>>>>> signals:crates/restock-dashboard/assets/assets/pages-Bju0Rypq.js
