# Makes the golden numbers of test/unit/model_net.c: python3 net.py (torch 1.13.0, CPU, float64; rotary
# tables float32).  Not needed to build or test.
import torch, math, sys
torch.set_default_dtype(torch.float64)
M64=(1<<64)-1
def fill(k,n):
    out=[]
    for i in range(n):
        z=((k+1)*0xD1342543DE82EF95+(i+1)*0x9E3779B97F4A7C15)&M64
        z=((z^(z>>30))*0xBF58476D1CE4E5B9)&M64
        z=((z^(z>>27))*0x94D049BB133111EB)&M64
        z^=z>>31
        out.append(((z>>40)/8388608.0-1.0))
    return torch.tensor(out,dtype=torch.float32)
def build(fam,C,H,KV,L,F,V,tied,plain,affine=0):
    D=C//H; names=[('embed',(V,C))]
    for l in range(L):
        if fam=='llama' or affine: names.append((f'{l}.n1',(C,)))
        if affine>1: names.append((f'{l}.n1b',(C,)))
        names+= [(f'{l}.q',(H*D,C)),(f'{l}.k',(KV*D,C)),(f'{l}.v',(KV*D,C)),(f'{l}.o',(C,H*D))]
        if fam=='olmo2': names+= [(f'{l}.qn',(H*D,)),(f'{l}.kn',(KV*D,)),(f'{l}.n1',(C,))]
        if fam=='llama' or affine: names.append((f'{l}.n2',(C,)))
        if affine>1: names.append((f'{l}.n2b',(C,)))
        names+= [(f'{l}.up',(F,C)),(f'{l}.gate',(F,C)),(f'{l}.down',(C,F))]
        if fam=='olmo2': names.append((f'{l}.n2',(C,)))
    if fam!='olmo' or affine: names.append(('nf',(C,)))
    if affine>1: names.append(('nfb',(C,)))
    if not tied: names.append(('head',(V,C)))
    if plain: names=[n for n in names if len(n[1])==2]
    w={}
    for k,(n,s) in enumerate(names):
        x=fill(k,math.prod(s)); x= 1+0.25*x if len(s)==1 and n[-1]!='b' else 0.25*x
        w[n]=x.to(torch.float32).double().reshape(s).requires_grad_(True)
    return w
def forward(w,ids,fam,C,H,KV,L,theta,clip,eps):
    D=C//H;B,T=ids.shape
    ex=torch.arange(0,D,2,dtype=torch.float32)/D
    inv=1.0/torch.pow(torch.tensor(theta,dtype=torch.float32),ex)
    ang=torch.arange(T,dtype=torch.float32)[:,None]*inv[None]
    cos=torch.cat([ang.cos()]*2,-1).double();sin=torch.cat([ang.sin()]*2,-1).double()
    rot=lambda x:torch.cat([-x[...,D//2:],x[...,:D//2]],-1)
    def norm(x,g=None,b=None):
        if fam=='olmo':
            m=x.mean(-1,keepdim=True);y=(x-m)/torch.sqrt(((x-m)**2).mean(-1,keepdim=True)+eps)
            y=y if g is None else y*g;return y if b is None else y+b
        y=x/torch.sqrt((x*x).mean(-1,keepdim=True)+eps);return y if g is None else y*g
    x=w['embed'][ids]
    for l in range(L):
        g=lambda n:w.get(f'{l}.{n}')
        h=x if fam=='olmo2' else norm(x,w.get(f'{l}.n1'),w.get(f'{l}.n1b'))
        q,k,v=h@g('q').T,h@g('k').T,h@g('v').T
        if clip: q,k,v=[t.clamp(-clip,clip) for t in (q,k,v)]
        if fam=='olmo2': q,k=norm(q,g('qn')),norm(k,g('kn'))
        q=q.view(B,T,H,D).transpose(1,2);k=k.view(B,T,KV,D).transpose(1,2);v=v.view(B,T,KV,D).transpose(1,2)
        q,k=q*cos+rot(q)*sin,k*cos+rot(k)*sin
        k=k.repeat_interleave(H//KV,1);v=v.repeat_interleave(H//KV,1)
        s=q@k.transpose(-1,-2)/math.sqrt(D)
        s=s.masked_fill(torch.ones(T,T,dtype=torch.bool).triu(1),float('-inf'))
        a=(s.softmax(-1)@v).transpose(1,2).reshape(B,T,H*D)@g('o').T
        x=x+(norm(a,g('n1')) if fam=='olmo2' else a)
        h=x if fam=='olmo2' else norm(x,w.get(f'{l}.n2'),w.get(f'{l}.n2b'))
        gt=h@g('gate').T
        f=((gt*torch.sigmoid(gt))*(h@g('up').T))@g('down').T
        x=x+(norm(f,g('n2')) if fam=='olmo2' else f)
    x=norm(x,w.get('nf'),w.get('nfb'))
    return x@w.get('head',w['embed']).T
cases=[('untied','olmo',24,3,3,2,20,40,False,10000.,0,1e-5),('tied','olmo',24,3,3,2,20,40,True,10000.,0,1e-5),
('gqa_clip','olmo',32,4,2,2,24,40,False,500000.,0.4,1e-5),('olmo2','olmo2',32,4,2,2,24,40,False,10000.,0,1e-6),('llama','llama',32,4,2,2,24,40,False,10000.,0,1e-6),
('olmo2_plain','olmo2',32,4,2,2,24,40,True,10000.,0,1e-5),('llama_plain','llama',32,4,2,2,24,40,False,10000.,0,1e-5),
('affine','olmo',24,3,3,2,20,40,True,10000.,0,1e-5),('affine_bias','olmo',32,4,2,2,24,40,False,10000.,0.6,1e-5),
('olmo2_clip','olmo2',32,4,2,2,24,40,False,10000.,0.7,1e-6),('llama_clip','llama',32,4,2,2,24,40,True,10000.,0.4,1e-6)]
B,T=3,11
for name,fam,C,H,KV,L,F,V,tied,theta,clip,eps in cases:
    plain=name.endswith('plain');affine=name.startswith('affine')+name.endswith('bias')
    w=build(fam,C,H,KV,L,F,V,tied,plain,affine)
    ids=torch.tensor([[(7*i*i+3*i+11*b)%V for i in range(T)] for b in range(B)])
    lg=forward(w,ids,fam,C,H,KV,L,theta,clip,eps)
    lab=torch.cat([ids[:,1:],torch.full((B,1),-100)],1); lab[1,4]=-100
    loss=torch.nn.functional.cross_entropy(lg.view(-1,V),lab.view(-1),ignore_index=-100)
    lse=lg.logsumexp(-1); z=1e-2*(lse**2).mean()
    (loss+z).backward()
    gn={n:float(p.grad.norm()) for n,p in w.items()}
    tot=math.sqrt(sum(v*v for v in gn.values()))
    # one clipped step
    lr,wd=0.01,0.1;coef=min(1,1.0/(tot+1e-6))
    w2={}
    for n,p in w.items():
        g=p.grad*coef;dec=0 if (n=='embed' or p.dim()==1) else wd
        x=p.detach()*(1-lr*dec);m=0.1*g;v=0.05*g*g
        w2[n]=x-lr*(m/0.1)/( (v/0.05).sqrt()+1e-5)
    lg2=forward(w2,ids,fam,C,H,KV,L,theta,clip,eps)
    l2=torch.nn.functional.cross_entropy(lg2.view(-1,V),lab.view(-1),ignore_index=-100)
    print(f'\t{{"{name}", {"ARCH_"+fam.upper()}, {C}, {H}, {KV}, {F}, {V}, {int(tied)}, {theta}, {clip}, {eps},')
    r=lambda x:'%.10g'%x
    print('\t    {'+', '.join(r(v) for v in lg[2,7,:4].tolist())+'}, '+r(float(lg.abs().sum()))+',')
    print('\t    '+', '.join([r(float(loss)),r(float(z)),r(tot),r(float(l2))])+',')
    v=list(gn.values());print('\t    {'+', '.join(r(x) for x in v)+('}, 1},' if plain else '}, 0, %d, %d},'%(affine>0,affine>1) if affine else '}},'))
